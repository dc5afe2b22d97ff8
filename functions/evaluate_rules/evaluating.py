"""Evaluate one job's rules on what is new, and tell what changed.

Two calls for one job at once: both read the state under a version, both evaluate, and of the two saves one is refused;
that call reads again and goes on from there, so that no step is lost or judged twice.

What changed is put on the bus and recorded before the state is saved. Were it saved first, a call that dies in between
would leave a finding that nobody ever hears of, because the next call sees nothing change. So a finding may be told
twice, which `react_to_finding` expects; and both tell the same, because a verdict is a function of the values recorded
before it.

A call takes no more time than it has: what is left is for another one (`rests`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from evaluate_rules.recording import LogRecorder
from evaluate_rules.refreshing import Refresher
from evaluate_rules.rests import Rests
from evaluate_rules.watch import Watch
from gridwatch.domain.jobs import CurrentRecord, JobRecord
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.events.messages import EvaluateJob, EvaluateSlowRule
from gridwatch.events.queue import MessageQueue
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.events.training_job import WITHOUT_MACHINES
from gridwatch.judging.judge import CrossTrialJudge
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch.storage.report_store import ReportStore, told_where
from gridwatch.streams.source import source_of, sources_of
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.rules.curve import curve_to
from gridwatch_rules.rules.profiler.evaluation import is_profiler_rule
from gridwatch_rules.rules.profiler.reader import ProfileReader
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.heartbeats import Beat, read_heartbeats
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import TensorSource

MAX_CONFLICTS = 20
RUN_IN_LOOKS = 5  # what a run of a custom rule costs, about: two functions for some seconds
SLICE = timedelta(seconds=10)  # of a call for one job's new steps: others of its batch wait no longer
RESERVE = 30.0  # seconds of a call in which no further steps are begun: judging, telling and saving come still


class Outcome(StrEnum):
    FOREIGN = "foreign"  # not a job of ours
    OVER = "over"  # every rule has its verdict
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of it: the last step judged, the rules whose status changed, the slow rules that were asked for."""

    outcome: Outcome
    last_step: int = -1
    changes: tuple[StatusChange, ...] = ()
    restarted: bool = False  # the saved state was of another version of Gridwatch: judged from the first step again
    asked: tuple[str, ...] = ()
    behind: bool = False  # there was no time for all of the new steps; another call was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    store: StateStore
    publisher: RuleStatusPublisher
    open_tensors: Callable[[JobRecord], TensorSource]
    open_profile: Callable[[JobRecord], TensorSource]
    open_other: Callable[[str], TensorSource]  # another job's tensors; LookupError for what may not be read
    rests: Rests
    slow_queue: MessageQueue
    slow_interval: float  # seconds between two runs of a custom rule
    reports: ReportStore
    judge: CrossTrialJudge
    clock: Clock
    open_heartbeats: Callable[[JobRecord], TensorSource] | None = None  # what a job's ranks tell of themselves
    open_log: Callable[[JobRecord], TensorSource] | None = None  # what a job's log says of its metrics
    recorder: LogRecorder | None = None
    refresher: Refresher | None = None

    def evaluate(self, request: EvaluationRequest, seconds_left: Callable[[], float] = lambda: math.inf) -> Evaluated:
        """Doing it again changes nothing. Raises GridwatchError, OSError or ConflictError: ask again later.

        `seconds_left`: of the time that the call has for all of its jobs.
        """
        up_at = self.clock.now() + SLICE

        def time_is_up() -> bool:
            return seconds_left() < RESERVE or self.clock.now() >= up_at

        job = self.store.get_job(request.job_name)
        if job is None:
            # Records are written before jobs are created, so this is no job of ours that is merely new.
            return Evaluated(Outcome.FOREIGN)
        if job.managed_rules and not job.own_policies and request.is_of_tensors_alone:
            # SageMaker's Debugger looks at them, and brings an object of each step: its values wait for the next look.
            return Evaluated(Outcome.UNCHANGED)
        if request.log and job.log_metrics and self.recorder is not None:
            trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
            look = self.recorder.look(job, trial, request, time_is_up)
            # The end comes when the rest of the log is read.
            request = replace(request, ended=request.ended and not look.behind)
        # What a former round has read stays read.
        readers = {source: self._reader(job, source, request) for source in sources_of(job)}
        for _ in range(MAX_CONFLICTS):
            try:
                evaluated = self._round(job, request, readers, time_is_up)
            except PermanentError as error:
                if job.tensors_uri is None:
                    raise
                return self._unreadable(job, error)
            if evaluated is not None:
                return evaluated
        raise ConflictError(f"the evaluation of {job.job_name} is written to all the time")

    def postpone(self, request: EvaluationRequest) -> None:
        """Ask for another call, where this one has no time even to begin."""
        look, rest = (next(iter(found), "") for found in (request.looks, request.rests))
        self.rests.queue.send(EvaluateJob(request.job_name, ended=request.ended, look=look, rest=rest))

    def _slow_interval(self, job: JobRecord) -> float:
        """A run of a user's own code costs as much as some looks, so it keeps to the pace as well."""
        return max(self.slow_interval, RUN_IN_LOOKS * (job.look_seconds or 0.0))

    def _reader(self, job: JobRecord, source: MetricSource, request: EvaluationRequest) -> TensorReader:
        """Events tell of what the hook has written; what the log says comes with looks at the log alone."""
        arrived = None if request.late else request.arrived
        if source is MetricSource.LOG:
            arrived = None if request.log else ()
        return TensorReader(self._open(job, source), self.open_other, arrived=arrived, passes_over=True)

    def _open(self, job: JobRecord, source: MetricSource) -> TensorSource:
        if source is MetricSource.LOG and self.open_log is not None:
            return self.open_log(job)
        return self.open_tensors(job)

    def _unreadable(self, job: JobRecord, error: PermanentError) -> Evaluated:
        """A watched job's tensors lie where Gridwatch may not read. Its rules fail, which is told once, until they are
        readable.
        """
        known = {record.rule_name: record.status for record in self.store.list_rule_evaluations(job.job_name)}
        if all(known.get(policy.name) == RuleStatus.ERROR for policy in job.own_policies):
            return Evaluated(Outcome.UNCHANGED)
        reason = f"the tensors at {job.tensors_uri} cannot be read ({error}); see tensor_bucket_arns in docs/deploy.md"
        self.publisher.publish(
            job, [StatusChange(policy.name, RuleStatus.ERROR, reason) for policy in job.own_policies]
        )
        return Evaluated(Outcome.CHANGED)

    def _round(
        self,
        job: JobRecord,
        request: EvaluationRequest,
        readers: Mapping[MetricSource, TensorReader],
        time_is_up: Callable[[], bool],
    ) -> Evaluated | None:
        """None when another call saved meanwhile."""
        saved = self.store.load_evaluation(job.job_name)
        watch = Watch.restore(job, saved.document, interval=self._slow_interval(job))
        if saved.version and watch.is_over:
            return Evaluated(Outcome.OVER, watch.tensors.last_step)
        if saved.version and request.is_stale(watch.tensors.parts[MetricSource.HOOK].last_step):
            # An earlier call that came late has judged it with all else that was there.
            return Evaluated(Outcome.UNCHANGED, watch.tensors.last_step)
        if self.rests.is_left_to_another(saved.document, request):
            request = replace(request, tensors=False)
        if not (request.tensors or request.profile):
            return Evaluated(Outcome.UNCHANGED, watch.tensors.last_step, behind=True)
        changes = tuple(self._advance(job, watch, request, readers, time_is_up))
        behind = watch.tensors.behind
        self._keep_current(job, watch)
        told = [_with_curve(change, readers) for change in changes]
        if not saved.version:
            told += [StatusChange(name, RuleStatus.ERROR, reason) for name, reason in watch.broken.items()]
        if told or not saved.version:
            self.publisher.publish(job, told)
        asked = self._ask_slow_rules(job, watch, ended=request.ended and not behind)
        document = watch.save() | self.rests.named(request, saved.document, behind=behind, tensors=request.tensors)
        if _as_text(document) == _as_text(saved.document):
            return Evaluated(Outcome.UNCHANGED, watch.tensors.last_step)
        try:
            self.store.save_evaluation(job.job_name, document, version=saved.version)
        except ConflictError:
            return None
        self.rests.finish(job.job_name, saved.document, document)
        if self.refresher is not None:
            self.refresher.news_of(job.experiment)
        outcome = Outcome.CHANGED if changes else Outcome.UNCHANGED
        return Evaluated(outcome, watch.tensors.last_step, changes, watch.restarted, asked, behind)

    def _ask_slow_rules(self, job: JobRecord, watch: Watch, *, ended: bool) -> tuple[str, ...]:
        """Have the slow rules run that are due; returns their names."""
        asked = tuple(watch.ask(self.clock.now(), ended=ended))
        for name in asked:
            self.slow_queue.send(EvaluateSlowRule(job.job_name, name, ended=ended))
        return asked

    def _keep_current(self, job: JobRecord, watch: Watch) -> None:
        """Before the state is saved: a call that dies in between is repeated, and keeps the same."""
        own = source_of(job, job.objective_metric)
        followed = watch.objective_of(own)
        if followed is None or not followed[1].fresh:
            return
        source, found = followed
        record = CurrentRecord(
            experiment=job.experiment,
            trial_id=job.trial_id,
            job_name=job.job_name,
            metric=job.objective_metric,
            source=source,
            substitute=source is not own,
            count=found.count,
            step=found.step,
            value=found.value,
            best=found.best,
            best_step=found.best_step,
            logged_at=datetime.fromtimestamp(found.at, UTC) if found.at is not None else None,
            updated_at=self.clock.now(),
        )
        self.store.put_current(record)

    def _advance(
        self,
        job: JobRecord,
        watch: Watch,
        request: EvaluationRequest,
        readers: Mapping[MetricSource, TensorReader],
        time_is_up: Callable[[], bool],
    ) -> Iterator[StatusChange]:
        if request.tensors:
            yield from watch.advance(
                readers,
                now=self.clock.now(),
                ended=request.ended,
                time_is_up=time_is_up,
                beats=partial(self._heartbeats, job, request),
                waits=partial(self._waits_for_machines, job, request),
            )
            if watch.across.rules:
                ended = request.ended and not watch.tensors.behind
                yield from self.judge.advance(job, watch.across, ended=ended, there=watch.tensors.there)
        if request.profile:
            for change in watch.profile.advance(ProfileReader(self.open_profile(job)), ended=request.ended):
                yield self._with_page(job, watch, change)

    def _heartbeats(self, job: JobRecord, request: EvaluationRequest) -> Sequence[Beat]:
        """What the job's ranks tell of themselves. Where tensors have just come nobody asks, because they cost requests
        and nothing stands still. Those of a watched job may lie where only its tensors may be read: it then has none,
        and its other rules go on.
        """
        if self.open_heartbeats is None or request.is_of_tensors_alone:
            return ()
        try:
            return read_heartbeats(self.open_heartbeats(job))
        except PermanentError:
            if job.tensors_uri is None:
                raise
            return ()

    def _waits_for_machines(self, job: JobRecord, request: EvaluationRequest) -> bool:
        """Whether the job has trained and has no machines now, as after its spot capacity was taken away."""
        if request.is_of_tensors_alone:
            return False
        trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
        return trial is not None and trial.secondary_status in WITHOUT_MACHINES

    def _with_page(self, job: JobRecord, watch: Watch, change: StatusChange) -> StatusChange:
        """A rule that is a report leaves its page when it is through; told twice, it is written twice."""
        if change.status in (RuleStatus.ERROR, RuleStatus.SAW_NOTHING):
            return change
        page = watch.profile.rules[change.rule_name].page(f"{change.rule_name} of {job.job_name}")
        if page is None:
            return change
        address = self.reports.put(job.job_name, change.rule_name, page)
        return replace(change, details=told_where(change.details, address))


def _as_text(document: Mapping[str, Any] | None) -> str:
    """What is kept of it: tuples come back as lists."""
    return json.dumps(document, sort_keys=True)


def _with_curve(change: StatusChange, readers: Mapping[MetricSource, TensorReader]) -> StatusChange:
    """The change with the values that led to its finding, which the saved evaluation does without."""
    finding = change.finding
    # What a profiler rule found is in no tensor.
    reader = None if finding is None or is_profiler_rule(finding.rule) else readers.get(MetricSource(finding.source))
    if finding is None or reader is None:
        return change
    return replace(change, finding=replace(finding, curve=curve_to(finding, reader)))
