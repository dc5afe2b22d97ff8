"""Evaluate one job's rules on what is new, and tell what changed.

Two calls for one job at once: both read the state under a version, both evaluate, and of the two saves one is refused;
that call reads again and goes on from there, so that no step is lost or judged twice.

What changed is put on the bus and recorded before the state is saved. Were it saved first, a call that dies in between
would leave a finding that nobody ever hears of, because the next call sees nothing change. So a finding may be told
twice, which `react_to_finding` expects; and both tell the same, because a verdict is a function of the values recorded
before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from evaluate_rules.across import Bench
from evaluate_rules.recording import LogRecorder
from evaluate_rules.watch import Watch
from gridwatch.clock import Clock
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.events.messages import EvaluateSlowRule
from gridwatch.events.queue import MessageQueue
from gridwatch.failures import PermanentError
from gridwatch.reports.shelf import ReportShelf, told_where
from gridwatch.rules.curve import curve_to
from gridwatch.rules.evaluation import RuleStatusChange
from gridwatch.rules.finding import Finding
from gridwatch.rules.profiler.evaluation import is_profiler_rule
from gridwatch.rules.profiler.reader import ProfileReader
from gridwatch.state.records import JobRecord
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch.tensors.reader import TensorReader
from gridwatch.tensors.source import TensorSource
from gridwatch.verdicts.status import RuleStatus
from gridwatch.verdicts.telling import News, Teller

MAX_CONFLICTS = 20


class Outcome(StrEnum):
    FOREIGN = "foreign"  # not a job of ours
    NO_RULES = "no rules"
    OVER = "over"  # every rule has its verdict
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of it: the last step judged, the rules whose status changed, the slow rules that were asked for."""

    outcome: Outcome
    last_step: int = -1
    changes: tuple[RuleStatusChange, ...] = ()
    restarted: bool = False  # the saved state was of another version of Gridwatch: judged from the first step again
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    store: StateStore
    teller: Teller
    open_tensors: Callable[[JobRecord], TensorSource]
    open_profile: Callable[[JobRecord], TensorSource]
    open_other: Callable[[str], TensorSource]  # another job's tensors; LookupError for what may not be read
    slow_queue: MessageQueue
    slow_interval: float  # seconds between two runs of a custom rule
    shelf: ReportShelf
    bench: Bench
    clock: Clock
    recorder: LogRecorder | None = None  # of jobs whose metrics are only in their log

    def evaluate(self, request: EvaluationRequest) -> Evaluated:
        """Doing it again changes nothing. Raises GridwatchError, OSError or ConflictError: ask again later."""
        job = self.store.get_job(request.job_name)
        if job is None:
            # Records are written before jobs are created, so this is no job of ours that is merely new.
            return Evaluated(Outcome.FOREIGN)
        if not job.own_policies:
            return Evaluated(Outcome.NO_RULES)
        if request.tensors and job.log_metrics and self.recorder is not None:
            trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
            self.recorder.catch_up(job, trial.training_job if trial else job.job_name, ended=request.ended)
        # What a former round has read stays read.
        reader = TensorReader(self.open_tensors(job), self.open_other, passes_over=True)
        for _ in range(MAX_CONFLICTS):
            try:
                evaluated = self._round(job, request, reader)
            except PermanentError as error:
                if job.tensors_uri is None:
                    raise
                return self._unreadable(job, error)
            if evaluated is not None:
                return evaluated
        raise ConflictError(f"the evaluation of {job.job_name} is written to all the time")

    def _unreadable(self, job: JobRecord, error: PermanentError) -> Evaluated:
        """A watched job's tensors lie where Gridwatch may not read. Its rules fail, which is told once, until they are
        readable.
        """
        known = {record.rule_name: record.status for record in self.store.list_rule_evaluations(job.job_name)}
        if all(known.get(policy.name) == RuleStatus.ERROR for policy in job.own_policies):
            return Evaluated(Outcome.UNCHANGED)
        reason = f"the tensors at {job.tensors_uri} cannot be read ({error}); see tensor_bucket_arns in docs/deploy.md"
        self.teller.tell(job, [News(policy.name, RuleStatus.ERROR, reason) for policy in job.own_policies])
        return Evaluated(Outcome.CHANGED)

    def _round(self, job: JobRecord, request: EvaluationRequest, reader: TensorReader) -> Evaluated | None:
        """None when another call saved meanwhile."""
        saved = self.store.load_evaluation(job.job_name)
        watch = Watch.restore(job, saved.document, interval=self.slow_interval)
        if saved.version and watch.is_over:
            return Evaluated(Outcome.OVER, watch.tensors.last_step)
        changes = tuple(self._advance(job, watch, request, reader))
        news = [_news(change, reader) for change in changes]
        if not saved.version:
            news += [News(name, RuleStatus.ERROR, reason) for name, reason in watch.broken.items()]
        if news or not saved.version:
            self.teller.tell(job, news)
        asked = tuple(watch.ask(self.clock.now(), ended=request.ended))
        for name in asked:
            self.slow_queue.send(EvaluateSlowRule(job.job_name, name, ended=request.ended))
        document = watch.save()
        if _as_text(document) == _as_text(saved.document):
            return Evaluated(Outcome.UNCHANGED, watch.tensors.last_step)
        try:
            self.store.save_evaluation(job.job_name, document, version=saved.version)
        except ConflictError:
            return None
        outcome = Outcome.CHANGED if changes else Outcome.UNCHANGED
        return Evaluated(outcome, watch.tensors.last_step, changes, watch.restarted, asked)

    def _advance(
        self, job: JobRecord, watch: Watch, request: EvaluationRequest, reader: TensorReader
    ) -> Iterator[RuleStatusChange]:
        if request.tensors:
            yield from watch.advance(reader, now=self.clock.now(), ended=request.ended)
            if watch.across.uses:
                yield from self.bench.advance(job, watch.across, ended=request.ended)
        if request.profile:
            for change in watch.profile.advance(ProfileReader(self.open_profile(job)), ended=request.ended):
                yield self._with_page(job, watch, change)

    def _with_page(self, job: JobRecord, watch: Watch, change: RuleStatusChange) -> RuleStatusChange:
        """A rule that is a report leaves its page when it is through; told twice, it is written twice."""
        if change.status is RuleStatus.ERROR:
            return change
        page = watch.profile.rules[change.name].page(f"{change.name} of {job.job_name}")
        if page is None:
            return change
        address = self.shelf.put(job.job_name, change.name, page)
        return replace(change, details=told_where(change.details, address))


def _as_text(document: Mapping[str, Any] | None) -> str:
    """What is kept of it: tuples come back as lists."""
    return json.dumps(document, sort_keys=True)


def _news(change: RuleStatusChange, reader: TensorReader) -> News:
    finding = _finding(change.finding, reader) if change.finding else None
    return News(change.name, change.status, change.details, finding)


def _finding(finding: Finding, reader: TensorReader) -> Mapping[str, Any]:
    # What a profiler rule found is in no tensor.
    curve = None if is_profiler_rule(finding.rule) else curve_to(finding, reader)
    return {**finding.as_json(), **({"curve": curve} if curve else {})}
