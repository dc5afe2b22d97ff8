"""News of a tuning job: recorded, and at its end told to whoever has work to do then."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.tuning import tuning_failed
from gridwatch.domain.descriptions import TuningDescription
from gridwatch.domain.experiments import TuningRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import SnapshotExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.launch.observation import state_of
from gridwatch.launch.ports import TrainingService
from gridwatch.launch.request import EXPERIMENT_TAG
from gridwatch.launch.tracking import MAX_CONFLICTS, Outcome, Tracker
from gridwatch.launch.tuning import own_tuning_tags
from gridwatch.launch.tuning_ports import TuningService
from gridwatch.state.store import ConflictError, StateStore
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError

OPEN = (TrialState.WAITING, TrialState.RUNNING, TrialState.STOPPING)


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningTracker:
    store: StateStore
    tuning: TuningService
    training: TrainingService
    tracker: Tracker
    snapshot_queue: MessageQueue
    alerts: AlertOutbox
    clock: Clock
    name_prefix: str

    def track(self, news: TuningDescription) -> Outcome:
        """Doing it twice changes nothing. Raises TransientError or ConflictError: the event comes again."""
        record = self._find(news)
        if record is None:
            return Outcome.FOREIGN
        outcome, after = self._record(record, news)
        if after.state.is_finished:
            self.complete(after)
            if after.state is TrialState.FAILED:
                self.alerts.ask(tuning_failed(after, now=self.clock.now()))
            self.snapshot_queue.send(SnapshotExperiment(after.experiment))
        return outcome

    def complete(self, record: TuningRecord) -> int:
        """Training jobs of it that no event told of become trials; how many. Of the others it is written down of which
        algorithm they are, if that was not known yet.
        """
        tags = own_tuning_tags(self.name_prefix, record.experiment, record.name)
        count = 0
        every = list(self.tuning.tuned_jobs(record.name))
        known = self.store.get_jobs(listed.name for listed in every)
        for listed in every:
            job = known.get(listed.name)
            if listed.name in known and job is None:
                continue  # its record cannot be read, which harms no other
            if job is None:
                try:
                    news = replace(self.training.describe_job(listed.name), tags=tags)
                except NotFoundError:
                    continue  # deleted since
                count += self.tracker.track(news) is not Outcome.FOREIGN
            elif job.algorithm is None and listed.definition is not None:
                self._name_algorithm(job, listed.definition)
        return count

    def _name_algorithm(self, job: JobRecord, algorithm: str) -> None:
        """The trial first: what dies between the two comes here again."""
        trial = self.store.get_trial(job.experiment, job.trial_id)
        if trial is not None and trial.algorithm != algorithm:
            try:
                self.store.update_trial(replace(trial, algorithm=algorithm), expected=trial)
            except ConflictError:
                return  # somebody has news of it: the next sweep comes here again
        self.store.put_job(replace(job, algorithm=algorithm))

    def _find(self, news: TuningDescription) -> TuningRecord | None:
        """By its tags; what has none (it was described) is looked for among those that are not over."""
        if EXPERIMENT_TAG in news.tags:
            return self.store.get_tuning(news.tags[EXPERIMENT_TAG], news.name)
        known = (record for state in OPEN for record in self.store.tunings_in(state) if record.name == news.name)
        stale = next(known, None)  # as an index has it
        return None if stale is None else self.store.get_tuning(stale.experiment, news.name)

    def _record(self, record: TuningRecord, news: TuningDescription) -> tuple[Outcome, TuningRecord]:
        for _ in range(MAX_CONFLICTS):
            state = state_of(news.status)
            old = record.status_at is not None and news.modified_at < record.status_at
            if state is None or old or record.state.is_finished or record.state is state:
                return Outcome.STALE, record
            begun = record.state is TrialState.WAITING
            after = replace(
                record, state=state, arn=news.arn, status_at=news.modified_at,
                reason=news.failure_reason or record.reason, updated_at=self.clock.now(),
            )  # fmt: skip
            try:
                self.store.update_tuning(after, expected=record)
            except ConflictError:
                record = self.store.get_tuning(record.experiment, record.name) or record
                continue
            return Outcome.BEGUN if begun else Outcome.RECORDED, after
        raise ConflictError(f"the tuning job {record.name} is written to all the time")
