"""When nothing more of an experiment is launched: its deadline, its budget, or failure after failure of one kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gridwatch.alerts.launch_limit import limit_reached
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.clock import Clock
from gridwatch.launch.spending import Spending, spending
from gridwatch.savings.prices import PriceTable
from gridwatch.state.patience import Patience
from gridwatch.state.records import ExperimentRecord, LaunchHold, TrialRecord, TrialState
from gridwatch.state.store import ConflictError, StateStore

# A whole grid is read to see what it cost: not at every job's end.
BUDGET_EVERY = timedelta(seconds=60)
_PATIENCE = 5.0  # seconds for one write: many jobs of one experiment may fail at one instant
_KINDS = (
    ("out of memory", r"out of memory|outofmemory|memoryerror|bad_alloc|cannot allocate|exit code: 137|\boom\b"),
    ("access denied", r"access ?denied|not authorized|unauthorized|could not assume role|forbidden"),
    ("bad image", r"\bimage\b|\becr\b|cannotpull|manifest"),
)


def failure_kind(reason: str) -> str:
    """What failures have in common: out of memory, access denied, bad image; else how the reason begins."""
    for kind, pattern in _KINDS:
        if re.search(pattern, reason, re.IGNORECASE):
            return kind
    first = (reason.strip().splitlines() or ["no reason given"])[0]
    return re.sub(r"[0-9]+", "#", first)[:80]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchLimits:
    """Keeps and tells what holds experiments. `looked_at` remembers what a budget's last look found, and when."""

    store: StateStore
    alerts: AlertOutbox
    clock: Clock
    prices: Callable[[], PriceTable] = PriceTable.built_in
    looked_at: dict[str, tuple[datetime, Spending]] = field(default_factory=dict)

    def hold(self, experiment: ExperimentRecord) -> LaunchHold | None:
        """What holds the experiment now; None when its trials may be launched. A limit just reached is told."""
        limits = _limits(experiment)
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
        """One more failure. The same job's counts once."""
        if _limits(experiment).get("max_failures") is None:
            return
        kind = failure_kind(reason.replace(trial.job_name, ""))

        def count(kept: LaunchHold) -> LaunchHold:
            if trial.job_name in kept.failed_jobs:
                return kept
            former = kept.failed_jobs if kept.failure_kind == kind else ()
            return replace(kept, failure_kind=kind, failed_jobs=(*former, trial.job_name))

        self._change(experiment, count)

    def completed(self, experiment: ExperimentRecord) -> None:
        """A job came to its end as it should: the failures are not in a row."""
        if _limits(experiment).get("max_failures") is not None:
            self._change(experiment, lambda kept: replace(kept, failure_kind=None, failed_jobs=()))

    def ended(self, trial: TrialRecord, *, is_news: bool) -> None:
        """A job is over."""
        failed = trial.state is TrialState.FAILED
        if not failed and not (is_news and trial.state is TrialState.COMPLETED):
            return
        experiment = self.store.get_experiment(trial.experiment)
        if experiment is None:
            return
        if failed:
            self.failed(experiment, trial, trial.reason or "")
        else:
            self.completed(experiment)

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
            if after == kept or kept.limit is not None:
                return
            try:
                self.store.save_hold(replace(after, updated_at=self.clock.now()))
            except ConflictError:
                continue
            return
        raise ConflictError(f"what holds {experiment.name} is written to all the time")

    def _reached(
        self, experiment: ExperimentRecord, kept: LaunchHold, limits: dict[str, Any]
    ) -> tuple[str, str] | None:
        most, deadline, budget = limits.get("max_failures"), limits.get("deadline"), limits.get("budget")
        if most is not None and len(kept.failed_jobs) >= most:
            return "max_failures", f"{len(kept.failed_jobs)} failures in a row: {kept.failure_kind}"
        if deadline is not None and self.clock.now() >= datetime.fromisoformat(deadline):
            return "deadline", f"The deadline {deadline} is over"
        if budget is not None:
            found = self._spending(experiment.name)
            if found.committed >= budget:
                spent = f"{found.committed:,.2f} {found.currency} of {budget:,.2f} are spent"
                return "budget", f"{spent}, with what the running jobs are likely to cost"
        return None

    def _spending(self, experiment: str) -> Spending:
        now = self.clock.now()
        at, found = self.looked_at.get(experiment, (None, None))
        if at is None or found is None or now - at >= BUDGET_EVERY:
            found = spending(self.store.list_trials(experiment), self.prices(), now)
            self.looked_at[experiment] = (now, found)
        return found


def _limits(experiment: ExperimentRecord) -> dict[str, Any]:
    limits: dict[str, Any] = experiment.document.get("limits") or {}
    return limits
