"""Decides when nothing more of an experiment is launched: after its deadline, its budget, or repeated failures of one
kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from gridwatch.alerts.launch_limit import limit_reached
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.experiments import ExperimentRecord, LaunchHold
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.failure_cause import NO_REASON, cause_of
from gridwatch.launch.spending import Spending, spending
from gridwatch.savings.money import figure, money
from gridwatch.savings.prices import PriceTable
from gridwatch.state.accepted_spec import Limits, spec_of
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch_rules.clock import Clock
from gridwatch_rules.wording import counted

# A whole grid is read to see what it cost: not at every job's end.
BUDGET_EVERY = timedelta(seconds=60)
_PATIENCE = 5.0  # seconds for one write: many jobs of one experiment may fail at one instant
_OUT_OF_MEMORY = (
    r"out of memory|outofmemory|memoryerror|bad_alloc|cannot allocate (?!memory in static)"
    r"|unable to allocate [\d.]+ ?[kmgt]i?b|(exit ?|return )code:?( =)? ?(137|-9)\b|signal 9\b|\boom\b"
    r"|cu\w+_status_alloc_failed"
)
_KINDS = (
    ("out of memory", _OUT_OF_MEMORY),
    ("access denied", r"access ?denied|not authorized|unauthorized|could not assume role|forbidden"),
    # A script that ran had its image: it speaks of images that it reads.
    ("bad image", r"\A(?!\s*AlgorithmError).*(\bimage\b(?! ?(file|record|size|shape|format))|\becr\b|cannotpull)"),
)


# What differs between failures that are alike: numbers in every form, addresses, the names of temporary files, and what
# stands in quotes, which is often a hyperparameter's value.
_VARYING = re.compile(
    r"""(?<!\w)'[^'\n]{1,80}'|"[^"\n]{1,80}"|`[^`\n]{1,80}`
    | 0x[0-9a-fA-F]+ | \b(?=[a-f]*[0-9])[0-9a-f]{6,}(?:-[0-9a-f]+)*\b | (?<=/)tmp[a-z0-9_]{8}\b
    | (?:(?<![\w\#])[-+])?[0-9]+(?:\.[0-9]+)*(?:[eE][-+]?[0-9]+)?""",
    re.VERBOSE,
)
_REMEDIES = frozenset(kind for kind, _ in _KINDS)
# AWS's own failures, of which the script knows nothing: they count where the spec has a limit, else they hold nothing.
_OF_AWS = re.compile(r"\s*(CapacityError|InternalServerError)\b")
# Of an experiment without `limits.max_failures`: so many alike before a first trial has come through.
FIRST_FAILURES = 3
_OTHERS_NAMED = 200  # failures of other kinds: a grid whose every trial fails in its own way must not grow the record
_SLOTS = tuple(state for state in TrialState if state.takes_slot)


def failure_kind(reason: str) -> str:
    """What makes failures alike: out of memory, access denied, bad image; else their cause without its numbers."""
    for kind, pattern in _KINDS:
        if re.search(pattern, reason, re.IGNORECASE | re.DOTALL):
            return kind
    return _VARYING.sub("#", cause_of(reason))[:80]


def without_failures(hold: LaunchHold) -> LaunchHold:
    """The hold with its counts at zero."""
    return replace(hold, failure_kind=None, failure_cause=None, failed_jobs=(), other_failures=(), others_before=0)


def failed_in_a_row(hold: LaunchHold, *, some_run: bool) -> str:
    """The failures that hold an experiment, in words. `some_run`: some of its trials were launched and are not over."""
    count, others = len(hold.failed_jobs), hold.others_before + len(hold.other_failures)
    if hold.succeeded:
        kind = hold.failure_kind if hold.failure_kind in _REMEDIES else hold.failure_cause or hold.failure_kind
        return f"{counted(count, 'failure')} in a row: {kind}"
    over = " that are over" if some_run else ""
    failed = f"{count} of {count + others}{over} failed" if others else f"all {count}{over} failed"
    failed = "the first trial failed" if count == 1 and not others else failed
    cause = hold.failure_cause or NO_REASON
    return f"{failed} with: {f'{hold.failure_kind}, {cause}' if hold.failure_kind in _REMEDIES else cause}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchLimits:
    """The holds of experiments: records them and tells people. `looked_at` remembers what the last check of a budget
    found, and when.
    """

    store: StateStore
    alerts: AlertOutbox
    clock: Clock
    prices: Callable[[], PriceTable] = PriceTable.built_in
    looked_at: dict[str, tuple[datetime, Spending]] = field(default_factory=dict)

    def hold(self, experiment: ExperimentRecord) -> LaunchHold | None:
        """What holds the experiment now; None when its trials may be launched. A limit that was just reached is
        told.
        """
        limits = spec_of(experiment).limits
        for _ in Patience(self.clock, seconds=_PATIENCE).tries():
            kept = self._current(experiment)
            if kept.limit is not None:
                # Also for one that was told: whoever recorded it may have died before.
                self.alerts.ask(limit_reached(kept, now=kept.updated_at))
                return kept
            found = self._reached(experiment, kept, limits)
            if found is None:
                return None
            try:
                limit, reason = found
                self.store.save_hold(replace(kept, limit=limit, reason=reason, updated_at=self.clock.now()))
            except ConflictError:
                continue
        raise ConflictError(f"what holds {experiment.name} is written to all the time")

    def failed(self, experiment: ExperimentRecord, trial: TrialRecord, reason: str) -> None:
        """Count a failure. The same job's counts once; a refusal, which costs nothing, counts where the spec has a
        limit.
        """
        by_default = spec_of(experiment).limits.max_failures is None
        if by_default and trial.state is not TrialState.FAILED:
            return
        said = reason.replace(trial.job_name, "")
        kind, cause = failure_kind(said), cause_of(said)

        def count(kept: LaunchHold) -> LaunchHold:
            known = (*kept.failed_jobs, *(job for job, _ in kept.other_failures))
            if trial.job_name in known or _most_failures(experiment, kept) is None:
                return kept
            if kept.limit not in (None, "max_failures"):
                return kept
            if by_default and _OF_AWS.match(reason):
                return self._worded(_apart(kept, trial.job_name, kind))
            return self._worded(_counted(experiment, kept, _Failure(trial.job_name, kind, cause)))

        self._change(experiment, count)

    def succeeded(self, experiment: ExperimentRecord) -> None:
        """Note that a job completed: the script runs, and failures before it are no longer in a row."""

        def start_anew(kept: LaunchHold) -> LaunchHold:
            if kept.limit is not None:
                return self._worded(replace(kept, succeeded=True))
            return without_failures(replace(kept, succeeded=True))

        self._change(experiment, start_anew)

    def ended(self, trial: TrialRecord, *, is_news: bool) -> None:
        """Note that a job is over. One that was stopped trained until then: it is no failure, and does not end a row of
        them.
        """
        failed = trial.state is TrialState.FAILED
        if not failed and not (is_news and trial.state in (TrialState.COMPLETED, TrialState.STOPPED)):
            return
        experiment = self.store.get_experiment(trial.experiment)
        if experiment is None:
            return
        if failed:
            self.failed(experiment, trial, trial.reason or "")
        elif trial.state is TrialState.COMPLETED:
            self.succeeded(experiment)
        elif trial.started_at is not None:
            self._change(experiment, lambda kept: replace(kept, succeeded=True))

    def _worded(self, hold: LaunchHold) -> LaunchHold:
        """The hold worded for now: trials that were on their way may have failed as well."""
        return replace(hold, reason=self._failures(hold)) if hold.limit == "max_failures" else hold

    def _failures(self, hold: LaunchHold) -> str:
        return failed_in_a_row(hold, some_run=self._some_run(hold.experiment))

    def _some_run(self, experiment: str) -> bool:
        """Whether trials of the experiment take a slot. What runs is far less than a whole grid; the list of it is from
        an index, which may still have a job that has just ended.
        """
        listed = (trial for state in _SLOTS for trial in self.store.trials_in(state) if trial.experiment == experiment)
        now = (if_readable(partial(self.store.get_trial, experiment, trial.trial_id)) for trial in listed)
        return any(trial is not None and trial.state.takes_slot for trial in now)

    def _current(self, experiment: ExperimentRecord) -> LaunchHold:
        kept = self.store.get_hold(experiment.name)
        if kept is not None and kept.spec_version == experiment.spec_version:
            return kept
        return LaunchHold(
            experiment=experiment.name,
            spec_version=experiment.spec_version,
            updated_at=self.clock.now(),
            version=kept.version if kept else 0,
        )

    def _change(self, experiment: ExperimentRecord, change: Callable[[LaunchHold], LaunchHold]) -> None:
        for _ in Patience(self.clock, seconds=_PATIENCE).tries():
            kept = self._current(experiment)
            after = change(kept)
            if after == kept:
                return
            try:
                self.store.save_hold(replace(after, updated_at=self.clock.now()))
            except ConflictError:
                continue
            return
        raise ConflictError(f"what holds {experiment.name} is written to all the time")

    def _reached(self, experiment: ExperimentRecord, kept: LaunchHold, limits: Limits) -> tuple[str, str] | None:
        most, deadline, budget = _most_failures(experiment, kept), limits.deadline, limits.budget
        if most is not None and len(kept.failed_jobs) >= most:
            return "max_failures", self._failures(kept)
        if deadline is not None and self.clock.now() >= datetime.fromisoformat(deadline):
            return "deadline", f"The deadline {deadline} is over"
        if budget is not None:
            found = self._spending(experiment.name)
            if found.committed >= budget:
                spent = f"{money(found.committed, found.currency)} of {figure(budget)} are spent"
                return "budget", f"{spent}, with what the running jobs are likely to cost"
        return None

    def _spending(self, experiment: str) -> Spending:
        now = self.clock.now()
        at, found = self.looked_at.get(experiment, (None, None))
        if at is None or found is None or now - at >= BUDGET_EVERY:
            found = spending(self.store.list_trials(experiment), self.prices(), now)
            self.looked_at[experiment] = (now, found)
        return found


@dataclass(frozen=True, slots=True)
class _Failure:
    job: str
    kind: str
    cause: str


def _apart(kept: LaunchHold, job: str, kind: str) -> LaunchHold:
    """The hold with a failure that differs from those counted."""
    return _bounded(replace(kept, other_failures=(*kept.other_failures, (job, kind))))


def _bounded(kept: LaunchHold) -> LaunchHold:
    """The hold with the names of the latest other failures alone; of those before them it keeps the number."""
    dropped = max(0, len(kept.other_failures) - _OTHERS_NAMED)
    named = kept.other_failures[dropped:]
    return replace(kept, other_failures=named, others_before=kept.others_before + dropped)


def _counted(experiment: ExperimentRecord, kept: LaunchHold, failure: _Failure) -> LaunchHold:
    """The hold with one failure more.

    Before a first success, and without a limit in the spec, equal failures are counted even with others between them:
    two causes that alternate are two that no trial gets past. Otherwise only failures in a row count.
    """
    others = kept.other_failures
    if failure.kind == kept.failure_kind:
        alike = kept.failed_jobs
    elif kept.limit is not None:  # what failures led to a hold is told with it
        return kept if kept.succeeded else _apart(kept, failure.job, failure.kind)
    else:
        others = (*others, *((job, kept.failure_kind or "") for job in kept.failed_jobs))
        alike = tuple(job for job, kind in others if kind == failure.kind)
        if kept.succeeded or spec_of(experiment).limits.max_failures is not None:
            alike = ()
        others = () if kept.succeeded else tuple(pair for pair in others if pair[0] not in alike)
    after = replace(
        kept, failure_kind=failure.kind, failure_cause=failure.cause, failed_jobs=(*alike, failure.job),
        other_failures=others, others_before=0 if kept.succeeded else kept.others_before,
    )  # fmt: skip
    return _bounded(after)


def _most_failures(experiment: ExperimentRecord, kept: LaunchHold) -> int | None:
    """The number of equal failures that hold the rest; None when no number does."""
    asked = spec_of(experiment).limits.max_failures
    return FIRST_FAILURES if asked is None and not kept.succeeded else asked
