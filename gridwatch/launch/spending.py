"""What an experiment's jobs have cost and are likely to cost. Pure; always an estimate until SageMaker bills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from gridwatch.domain.trials import TrialRecord, TrialState, used_seconds
from gridwatch.savings.prices import PriceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The money of an experiment. `spent`: finished jobs as billed, and running ones until now. `running`: what the
    running jobs are likely to cost from now on, and `waiting` the others: a job is taken to last as long as the median
    completed one, so before the first has completed both are None. `unpriced`: instance types without a price, which
    count as nothing.
    """

    currency: str
    spent: float
    running: float | None
    waiting: float | None
    unpriced: tuple[str, ...] = ()

    @property
    def committed(self) -> float:
        """What will have been spent if nothing more is launched."""
        return self.spent + (self.running or 0.0)

    @property
    def projected(self) -> float | None:
        """What will have been spent when every trial is done."""
        return None if self.running is None or self.waiting is None else self.committed + self.waiting


def spending(trials: Sequence[TrialRecord], prices: PriceTable, now: datetime) -> Spending:
    usual = _usual_seconds(trials)
    spent = running = waiting = 0.0
    for trial in trials:
        rate = _rate(trial, prices)
        used = used_seconds(trial, now)
        spent += rate * (trial.former_seconds + used)
        if usual is not None and trial.state in (TrialState.STARTING, TrialState.RUNNING):
            running += rate * max(0.0, usual - used)
        elif usual is not None and trial.state is TrialState.WAITING:
            waiting += rate * usual
    types = {kind for trial in trials if trial.instance_type for kind in (trial.instance_type, *trial.further_machines)}
    return Spending(
        currency=prices.currency,
        spent=spent,
        running=None if usual is None else running,
        waiting=None if usual is None else waiting,
        unpriced=tuple(sorted(types - prices.per_hour.keys())),
    )


def at_most(trials: Sequence[TrialRecord], prices: PriceTable, now: datetime, longest_seconds: float) -> float:
    """What will have been spent if every job that is not over takes `longest_seconds`."""
    total = 0.0
    for trial in trials:
        rate = _rate(trial, prices)
        used = used_seconds(trial, now)
        total += rate * (trial.former_seconds + (used if trial.state.is_finished else max(used, longest_seconds)))
    return total


def _rate(trial: TrialRecord, prices: PriceTable) -> float:
    """The cost of a second; instances without a known price count as nothing."""
    counts = {trial.instance_type or "": trial.instance_count or 1, **trial.further_machines}
    return sum(prices.per_hour.get(kind, 0.0) * count for kind, count in counts.items()) / 3600


def _usual_seconds(trials: Sequence[TrialRecord]) -> float | None:
    took = [
        float(trial.billable_seconds)
        if trial.billable_seconds is not None
        else (trial.ended_at - trial.started_at).total_seconds()
        for trial in trials
        if trial.state is TrialState.COMPLETED and trial.started_at and trial.ended_at
    ]
    return median(took) if took else None
