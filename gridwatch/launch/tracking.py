"""Handles news of one training job: records it on the trial and, when the job is over, tells everyone who then has work
to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from gridwatch.alerts.content import trial_failed
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import QUEUED, TrialRecord, TrialState
from gridwatch.events.messages import EvaluateJob, SnapshotExperiment, StartTrials
from gridwatch.events.queue import MessageQueue
from gridwatch.launch.holding import LaunchLimits
from gridwatch.launch.observation import capacity_pause, is_terminal, lacked_capacity, next_attempt, observed
from gridwatch.launch.ports import TrainingService
from gridwatch.launch.repairing import Repairer
from gridwatch.state.store import ConflictError, StateStore
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError

MAX_CONFLICTS = 5


class TrackingOutcome(StrEnum):
    BEGUN = "begun"  # the first that is heard of a job that is not over
    RECORDED = "recorded"
    STALE = "stale"  # nothing that the trial does not know already
    FOREIGN = "foreign"  # not a job of ours, or of a former attempt


class Enroller(Protocol):
    """Finds out whose job it is when there is no record of it."""

    def enrol(self, news: JobDescription) -> JobRecord | None:
        """Write and return the record of a job, with that of its trial; None when the job is not ours. Repeating it
        changes nothing. Raises TransientError: ask again later.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    store: StateStore
    training: TrainingService
    start_queue: MessageQueue
    evaluate_queue: MessageQueue
    snapshot_queue: MessageQueue
    alerts: AlertOutbox
    clock: Clock
    repairer: Repairer
    enrollers: tuple[Enroller, ...] = ()  # of jobs that Gridwatch did not launch itself

    def track(self, news: JobDescription) -> TrackingOutcome:
        """Record the news of a job; repeating it changes nothing. Raises TransientError or ConflictError: the event
        comes again.
        """
        job = self.store.get_job(news.job_name)
        for enroller in self.enrollers if job is None else ():
            job = job or enroller.enrol(news)
        if job is None:
            return TrackingOutcome.FOREIGN
        if is_terminal(news.status):
            news = self._confirmed(news)
        outcome, trial = self._record(job, news)
        if outcome is TrackingOutcome.BEGUN or (trial is not None and is_terminal(news.status)):
            self._learn_metrics(job, news)
        if outcome is TrackingOutcome.BEGUN:
            # The rules' first look, before there is anything to see: their statuses are known from the first minute,
            # and whoever evaluates and reacts is awake when the first tensors land.
            self.evaluate_queue.send(EvaluateJob(job.job_name))
        if outcome is not TrackingOutcome.FOREIGN and is_terminal(news.status):
            # Also for stale news: what was recorded by a call that died has not been told to anybody.
            if trial is not None:  # before the launcher is woken: it may have to stop
                limits = LaunchLimits(store=self.store, alerts=self.alerts, clock=self.clock)
                limits.ended(trial, is_news=outcome is TrackingOutcome.RECORDED)
                self.repairer.repair(trial)
            self._wake(job, news)
            if trial is not None and trial.state is TrialState.FAILED:
                self.alerts.ask(trial_failed(trial=trial, now=self.clock.now()))
        elif trial is not None and is_terminal(news.status):
            # Of a former attempt: whoever recorded that it found no machine may have died before.
            self._wake(job, news)
        return outcome

    def look(self, job_name: str) -> TrackingOutcome:
        """Record what SageMaker answers now, as `track` does with news that came. Raises the same errors."""
        try:
            return self.track(self.training.describe_job(job_name))
        except NotFoundError:
            return TrackingOutcome.FOREIGN  # deleted since somebody saw it

    def _learn_metrics(self, job: JobRecord, news: JobDescription) -> None:
        """Learn the metrics' expressions of a built-in algorithm: they are SageMaker's own, and known only once there
        is a job.
        """
        if job.log_apart and news.log_metrics and not job.log_metrics:
            self.store.put_job(replace(job, log_metrics=news.log_metrics))

    def _confirmed(self, news: JobDescription) -> JobDescription:
        """SageMaker's own description, which has the final metrics, the bill and the model that the event lacks."""
        try:
            described = self.training.describe_job(news.job_name)
        except NotFoundError:
            return news  # deleted since: the event is all there is
        if described.secondary_status == QUEUED:
            return described  # an attempt failed, and AWS Batch has not given the job up
        return described if described.modified_at >= news.modified_at or is_terminal(described.status) else news

    def _record(self, job: JobRecord, news: JobDescription) -> tuple[TrackingOutcome, TrialRecord | None]:
        for _ in range(MAX_CONFLICTS):
            trial = self.store.get_trial(job.experiment, job.trial_id)
            if trial is None or trial.job_name != job.job_name:
                return TrackingOutcome.FOREIGN, trial
            now = self.clock.now()
            after = observed(trial, news, now)
            if after is None:
                return TrackingOutcome.STALE, trial
            if lacked_capacity(after) and job.tuning_job is None:
                after = next_attempt(after, now, now + capacity_pause(trial.attempt))
            try:
                self.store.update_trial(after, expected=trial)
            except ConflictError:
                continue
            begun = trial.status is None and not is_terminal(news.status)
            return TrackingOutcome.BEGUN if begun else TrackingOutcome.RECORDED, after
        raise ConflictError(f"the trial of {job.job_name} is written to all the time")

    def _wake(self, job: JobRecord, news: JobDescription) -> None:
        self.start_queue.send(StartTrials(f"{job.job_name} is over"), deduplication_id=f"{job.job_name} {news.status}")
        self.evaluate_queue.send(EvaluateJob(job.job_name, ended=True))
        self.snapshot_queue.send(SnapshotExperiment(job.experiment))
