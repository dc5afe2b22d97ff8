"""Repairs what lost events left behind: a lost event then costs minutes, and not money all night.

SageMaker's events are best effort, and a call that dies between recording and telling leaves a record that nobody was
told of. Each repair does what the lost event would have done, by the same path, and each is harmless when nothing was
lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import groupby

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import CloseGate, DeliverAlert, EvaluateJob, StartTrials, TrackJob
from gridwatch.events.queue import MessageQueue
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.launch.observation import is_terminal
from gridwatch.launch.pacing import TokenBucket
from gridwatch.launch.ports import JobListing, TrainingService
from gridwatch.launch.tracking import Tracker, TrackingOutcome
from gridwatch.launch.watching import WATCH_TAG
from gridwatch.pace import CHECK_SECONDS, is_due
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import Isolation
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError
from sweep.tuning import TuningSweeper

# What is younger is on its way: an event, a message or an invocation may still bring it to its end.
GRACE = timedelta(minutes=1)
DESCRIBE_RATE = 4.0  # a second: SageMaker allows 5 in an account
EVERY = timedelta(minutes=5)  # as infra/constructs/routing.py has the schedule say it; an invocation has as long
RESERVE = 30.0  # seconds of the invocation that are kept for what does not depend on SageMaker's pace


@dataclass(frozen=True, slots=True)
class SweepReport:
    """How many of each kind were repaired or woken; `complete` is False when time ran out before all jobs were seen."""

    recorded: int  # states of jobs that no event had brought, ends among them that `track_job` was asked to record
    vanished: tuple[str, ...]  # jobs that SageMaker does not know although their trials run
    evaluated: int
    findings: int
    alerts: int
    waiting: bool
    complete: bool
    enrolled: int = 0  # tagged jobs of others, of which no event told
    managed: int = 0  # statuses of SageMaker's own rules that no event had brought


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    store: StateStore
    training: TrainingService
    listing: JobListing
    tracker: Tracker
    track_queue: MessageQueue
    start_queue: MessageQueue
    evaluate_queue: MessageQueue
    alert_queue: MessageQueue
    publisher: RuleStatusPublisher
    clock: Clock
    name_prefix: str
    seconds_left: Callable[[], float]
    tunings: TuningSweeper
    isolation: Isolation = field(default_factory=Isolation)

    def sweep(self) -> SweepReport:
        """Make every repair. Raises GridwatchError when AWS is unwell; what was done until then is done."""
        # First what people wait for, last what may take long.
        alerts = self._queue_unsent_alerts()
        findings = self._publish_open_findings()
        waiting = self._wake_launcher()
        trials = list(self._active_trials())
        # The schedule of each minute wakes the others when they are due.
        evaluated = self._wake_evaluations([trial for trial in trials if trial.check_seconds <= CHECK_SECONDS])
        enrolled = self._enrol() + self.tunings.sweep()
        bucket = TokenBucket(self.clock, DESCRIBE_RATE)
        # Jobs under Debugger's own rules are asked about all the time: lost ends, which are few, do not wait for them.
        recorded, vanished, complete = self._track(trials, bucket)
        managed = self._ask_managed_rules(bucket)
        return SweepReport(recorded, tuple(vanished), evaluated, findings, alerts, waiting, complete, enrolled, managed)

    def wake_evaluations(self) -> int:
        """Have each running job evaluated as often as its price allows: for rules about time, for logs that no event
        tells of, and for tensors whose event was lost. Returns how many jobs are evaluated.
        """
        now = self.clock.now()
        return self._wake_evaluations(
            [
                trial
                for trial in self._active_trials()
                if is_due(trial.check_seconds, (now - (trial.started_at or trial.created_at)).total_seconds())
            ]
        )

    def _enrol(self) -> int:
        """Enrol other people's jobs that have the tag and no record."""
        enrolled = 0
        names = list(self.listing.jobs_with_tag(WATCH_TAG))
        known = self.store.get_jobs(names)
        for name in (name for name in names if name not in known):
            with self.isolation.each(name):
                news = self.training.describe_job(name)
                tags = self.training.job_tags(news.arn)
                enrolled += self.tracker.track(replace(news, tags=tags)) is not TrackingOutcome.FOREIGN
        return enrolled

    def _queue_unsent_alerts(self) -> int:
        before = self.clock.now() - GRACE
        unsent = [alert for alert in self.store.unsent_alerts() if alert.created_at <= before]
        now = self.clock.now()
        gates = [gate for gate in self.store.untold_gates() if gate.closes_at <= now]
        self.alert_queue.send_all(DeliverAlert(alert.alert_id) for alert in unsent)
        self.alert_queue.send_all(CloseGate(gate.gate_id) for gate in gates)
        return len(unsent)

    def _publish_open_findings(self) -> int:
        """Publish findings without a finished reaction: they were never told, or claimed by a call that died."""
        before = self.clock.now() - GRACE
        found = [record for record in self.store.open_findings() if record.updated_at <= before]
        found.sort(key=lambda record: record.job_name)
        jobs = self.store.get_jobs(record.job_name for record in found)
        by_job = {name: list(records) for name, records in groupby(found, key=lambda record: record.job_name)}
        known = [(job, records) for name, records in by_job.items() if (job := jobs.get(name)) is not None]
        self.publisher.publish_again(known, self.isolation)
        return len(found)

    def _wake_launcher(self) -> bool:
        waits = any(self.store.trials_in(state, limit=1) for state in (TrialState.WAITING, TrialState.STARTING))
        waits = waits or bool(self.store.tunings_in(TrialState.WAITING))
        if waits:
            self.start_queue.send(StartTrials("sweep"), deduplication_id=f"sweep {self.clock.now():%Y-%m-%dT%H:%M}")
        return waits

    def _active_trials(self) -> Iterator[TrialRecord]:
        for state in (TrialState.STARTING, TrialState.RUNNING, TrialState.STOPPING):
            yield from self.store.trials_in(state)

    def _wake_evaluations(self, trials: list[TrialRecord]) -> int:
        """Have every running job evaluated: rules about time see the clock, and tensors whose events were lost are
        read.
        """
        running = [trial for trial in trials if trial.state in (TrialState.RUNNING, TrialState.STOPPING)]
        self.evaluate_queue.send_all(EvaluateJob(trial.job_name) for trial in running)
        return len(running)

    def _ask_managed_rules(self, bucket: TokenBucket) -> int:
        """Read the statuses of Debugger's rules from the jobs' descriptions: Debugger tells of them by events alone,
        even after the job's end, when the last of them reach their verdicts.
        """
        changed = 0
        for job in self._in_turn(self.store.managed_jobs()):
            if self.seconds_left() < RESERVE:
                return changed
            bucket.take()
            try:
                news = self.training.describe_job(job.job_name)
            except NotFoundError:
                self.store.close_managed_job(job.job_name)
                continue
            with self.isolation.each(job.job_name):
                changed += self.publisher.publish_managed(job, news.arn, news.rule_statuses, now=news.modified_at)
            if is_terminal(news.status) and all(each.status.is_final for each in news.rule_statuses):
                self.store.close_managed_job(job.job_name)
        return changed

    def _in_turn(self, jobs: Sequence[JobRecord]) -> Sequence[JobRecord]:
        """The jobs, starting after where the last sweep probably ended, so that of many jobs each gets its turn."""
        sweeps = int(self.clock.now().timestamp() // EVERY.total_seconds())
        begin = sweeps * int(DESCRIBE_RATE * (EVERY.total_seconds() - RESERVE)) % max(len(jobs), 1)
        return [*jobs[begin:], *jobs[:begin]]

    def _track(self, trials: list[TrialRecord], bucket: TokenBucket) -> tuple[int, list[str], bool]:
        """Describe the jobs whose state in SageMaker's list differs from our records."""
        active = self.listing.active_jobs(f"{self.name_prefix}-")
        recorded = 0
        vanished: list[str] = []
        for job_name, must_exist in self._doubtful(trials, active):
            if self.seconds_left() < RESERVE:
                return recorded, vanished, False
            bucket.take()
            try:
                news = self.training.describe_job(job_name)
            except NotFoundError:
                vanished += [job_name] if must_exist else []
                continue
            with self.isolation.each(job_name):
                recorded += self._record(news)
        return recorded, vanished, True

    def _record(self, news: JobDescription) -> bool:
        if not is_terminal(news.status):
            return self.tracker.track(news) in (TrackingOutcome.BEGUN, TrackingOutcome.RECORDED)
        # Much follows from an end. Through the queue, because a message that fails halfway comes again, while a sweep
        # that recorded the end itself and died would leave a trial that no sweep looks at any more.
        self.track_queue.send(TrackJob(news.job_name))
        return True

    def _doubtful(self, trials: list[TrialRecord], active: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
        """Jobs whose state our records do not have, and whether SageMaker must know them."""
        expected = {TrialState.RUNNING: "InProgress", TrialState.STOPPING: "Stopping"}
        before = self.clock.now() - GRACE
        for trial in trials:
            if trial.updated_at <= before and active.get(trial.job_name) != expected.get(trial.state, ""):
                # Of a trial that starts nobody knows yet whether its job was created.
                yield trial.job_name, trial.state is not TrialState.STARTING
        # Ours and running, although their trials wait or are over: a launcher died, or an answer never came.
        others = sorted(active.keys() - {trial.job_name for trial in trials})
        known = self.store.get_jobs(others)
        yield from ((job_name, False) for job_name in others if known.get(job_name) is not None)
