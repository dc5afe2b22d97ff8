"""Estimates what a training job would still have taken, from what is known when it is stopped. Always an estimate.

Three ways, the first that can be gone:
- progress: of N rounds R are done after T seconds, so the others would have taken T * (N - R) / R. Only rounds of
  XGBoost are counted: they are the steps that rules see, which cannot be said of other trainings' epochs.
- siblings: completed trials of the same experiment ran M seconds in the median, so M - T remained.
- limit: the job could have run up to its MaxRuntimeInSeconds. The most that it can be, and mostly far too much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch.savings.prices import PriceTable
from gridwatch.state.records import SavingsRecord, TrialRecord, TrialState

ROUNDS = "num_round"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """What is known of a job. `step`: the last that is known to be done; `siblings` reads the experiment's trials, of
    which there may be thousands, and is called only when they are needed.
    """

    started_at: datetime | None
    step: int | None
    hyperparameters: Mapping[str, Any]
    max_runtime_seconds: int | None
    instance_type: str | None
    instance_count: int | None
    siblings: Callable[[], Sequence[TrialRecord]] = tuple


def estimate(job: RunningJob, prices: PriceTable, now: datetime) -> SavingsRecord | None:
    """What a stop now spares; None for a job that has not begun to train, whose remaining time nobody knows."""
    if job.started_at is None:
        return None
    elapsed = max((now - job.started_at).total_seconds(), 0.0)
    found = _by_progress(job, elapsed) or _by_siblings(job, elapsed) or _by_limit(job, elapsed)
    if found is None:
        return None
    seconds, method = found
    price = prices.per_hour.get(job.instance_type or "")
    count = job.instance_count or 1
    return SavingsRecord(
        seconds=round(seconds, 1),
        cost=round(seconds / 3600 * count * price, 4) if price is not None else None,
        currency=prices.currency,
        method=method,
        price_per_hour=price,
        price_source=f"{prices.source}, {prices.date}",
    )


def _by_progress(job: RunningJob, elapsed: float) -> tuple[float, str] | None:
    rounds = _integer(job.hyperparameters.get(ROUNDS))
    if rounds is None or job.step is None or not 0 <= job.step < rounds:
        return None
    done = job.step + 1
    return elapsed * (rounds - done) / done, f"progress: {done} of {rounds} rounds were done"


def _by_siblings(job: RunningJob, elapsed: float) -> tuple[float, str] | None:
    took = [
        (trial.ended_at - trial.started_at).total_seconds()
        for trial in job.siblings()
        if trial.state is TrialState.COMPLETED and trial.started_at and trial.ended_at
    ]
    if not took:
        return None
    usual = _median(took)
    if usual <= elapsed:
        return None
    return usual - elapsed, f"siblings: {len(took)} completed trials took {usual:.0f} s in the median"


def _median(values: Sequence[float]) -> float:
    """Here, because importing `statistics` takes longer than all of a reaction's own code."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _by_limit(job: RunningJob, elapsed: float) -> tuple[float, str] | None:
    if job.max_runtime_seconds is None or job.max_runtime_seconds <= elapsed:
        return None
    return job.max_runtime_seconds - elapsed, f"limit: at most, as the job might have run {job.max_runtime_seconds} s"


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def in_words(savings: SavingsRecord) -> str:
    """As people read it, with what it is: an estimate."""
    about = "at most" if savings.method.startswith("limit") else "about"
    money = f" and {savings.cost:.2f} {savings.currency}" if savings.cost is not None else ", price unknown"
    return f"{about} {_duration(savings.seconds)}{money} (estimate; {savings.method})"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
