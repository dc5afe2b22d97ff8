"""Estimates what a training job would still have taken, from what is known when it is stopped. Always an estimate.

The first of these that can be made:
- progress: N of M rounds, epochs or steps are done, each takes so many seconds by the times at which they were saved
  (start-up is not among them), so the others would have taken (M - N) times that, less what passed since the last one.
- siblings: completed trials of the same experiment and planned length ran S seconds in the median, so S - T remained.
  They also decide where progress says something else by far, or where a script may stop earlier by itself.
- progress without a pace: one moment is known; start-up counts as training, so it is the most that it can be.
- limit: the job could have run up to its MaxRuntimeInSeconds. The most that it can be, and mostly far too much.

Nothing exceeds the limit: a job ends there at the latest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.averages import median
from gridwatch.savings.planned import ROUNDS, may_end_early, planned
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.progress import Mark, Progress
from gridwatch.savings.words import in_words

__all__ = ["Remaining", "RunningJob", "estimate", "in_words", "priced", "remaining"]

ABOUT, AT_MOST = "about", "at most"
_SPOT_LEAST = 0.1  # of the on-demand price: managed spot training saves up to 90 %, by SageMaker's guide
_AGREE = 3.0  # siblings that say so many times more or less know better how this script counts
_ENOUGH = 2  # siblings
_CLOCKS = 60.0  # seconds by which two clocks may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """What is known of a job. `step` is the last that is known to be done, where there is no `progress`; `siblings`
    reads the experiment's trials, of which there may be thousands, and is called only when they are needed.
    """

    started_at: datetime | None
    step: int | None
    hyperparameters: Mapping[str, Any]
    max_runtime_seconds: int | None
    instance_type: str | None
    instance_count: int | None
    siblings: Callable[[], Sequence[TrialRecord]] = tuple
    progress: Progress | None = None
    further_machines: Mapping[str, int] = field(default_factory=dict)
    spot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """The remaining seconds: the likeliest number and its range. `at_most`: `seconds` is an upper bound."""

    seconds: float
    low: float
    high: float
    method: str
    at_most: bool = False

    def within(self, limit: float | None) -> Remaining:
        """The same estimate, when no more than `limit` seconds can have remained."""
        if limit is None or limit >= self.high:
            return self
        cut = self.seconds > limit
        method = f"{self.method}; no more, as its longest time is over then" if cut else self.method
        return replace(
            self, seconds=min(self.seconds, limit), low=min(self.low, limit), high=limit, method=method,
            at_most=self.at_most or cut,
        )  # fmt: skip


def estimate(job: RunningJob, prices: PriceTable, now: datetime) -> SavingsRecord | None:
    """What a stop at `now` saves; None for a job that has not begun to train, whose remaining time is not known."""
    found = remaining(job, now)
    return None if found is None else priced(found, job, prices)


def remaining(job: RunningJob, now: datetime) -> Remaining | None:
    """The time that the job would still have taken from `now` on; None when nothing says it."""
    if job.started_at is None:
        return None
    elapsed = max((now - job.started_at).total_seconds(), 0.0)
    limit = None if job.max_runtime_seconds is None else max(job.max_runtime_seconds - elapsed, 0.0)
    found = _by_progress(job, now) or _by_siblings(job, elapsed) or _by_first_steps(job, elapsed)
    if found is not None and limit and job.progress is not None and _stands_still(job.progress, job.started_at, now):
        return _still(found, limit)
    if found is None:
        return _by_limit(job, limit)
    return found.within(limit)


def priced(found: Remaining, job: RunningJob, prices: PriceTable) -> SavingsRecord:
    """The saving in time and money. On spot capacity an hour costs less than its price, as siblings' bills show."""
    hourly = None if job.instance_type is None else prices.hourly(job)
    share, at_most = 1.0, found.at_most
    low_share = share
    if job.spot:
        known = _billed_share(job.siblings())
        share, low_share, at_most = known if known is not None else (1.0, _SPOT_LEAST, True)
    an_hour = None if hourly is None else hourly * share
    return SavingsRecord(
        seconds=round(found.seconds, 3),
        cost=_cost(found.seconds, an_hour),
        currency=prices.currency,
        method=found.method if not job.spot else f"{found.method}; on spot capacity",
        price_per_hour=prices.per_hour.get(job.instance_type or ""),
        price_source=f"{prices.source}, {prices.date}",
        seconds_low=round(found.low, 3),
        seconds_high=round(found.high, 3),
        cost_low=_cost(found.low, None if hourly is None else hourly * low_share),
        cost_high=_cost(found.high, an_hour),
        bound=AT_MOST if at_most else ABOUT,
        hourly=an_hour,
        hourly_low=None if hourly is None else hourly * low_share,
        longest_seconds=job.max_runtime_seconds,
    )


def _cost(seconds: float, hourly: float | None) -> float | None:
    return None if hourly is None else seconds / 3600 * hourly


def _billed_share(siblings: Sequence[TrialRecord]) -> tuple[float, float, bool] | None:
    """The share of the training time that spot jobs were billed: usual, least, and whether it is a bound."""
    shares = [
        trial.billable_seconds / took
        for trial in siblings
        if trial.state is TrialState.COMPLETED and trial.billable_seconds and (took := _took(trial)) > 0
    ]
    return (median(shares), min(shares), False) if shares else None


def _by_progress(job: RunningJob, now: datetime) -> Remaining | None:
    """The estimate by progress. Where a script may stop by itself, the siblings know better when, and decide if they
    contradict.
    """
    found = job.progress
    pace = found.pace if found is not None else None
    if found is None or pace is None or job.started_at is None:
        return None
    since = _since(found.newest.at, job.started_at, now)
    left = found.planned.length - found.newest.done
    method = _progress_words(found)
    early = may_end_early(job.hyperparameters)
    ending = found.closing
    most = left + found.redone
    each = [
        max(units * seconds - since, 0.0) + closing
        for units, seconds, closing in (
            (left, pace.low, ending.low), (left, pace.usual, ending.usual), (most, pace.high, ending.high),
        )
    ]  # fmt: skip
    own = Remaining(seconds=each[1], low=each[0], high=each[2], method=method)
    if early is None and found.assumed is None:
        return own
    elapsed = (now - job.started_at).total_seconds()
    others = _by_siblings(job, elapsed, least=1 if early else _ENOUGH)
    if others is None and found.vague and job.max_runtime_seconds is not None:
        own = replace(own, high=max(own.high, job.max_runtime_seconds - elapsed))
    if others is not None and (early is not None or not _agree(elapsed + own.seconds, elapsed + others.seconds)):
        if early is None:
            return others
        return replace(others, seconds=min(others.seconds, own.high), high=max(others.high, own.high))
    if early is not None:
        why = f"{method}; less if it stops by itself ({early})"
        return replace(own, low=0.0, method=why, at_most=own.seconds > 0)
    return own


def _since(newest: float, started_at: datetime, now: datetime) -> float:
    """Seconds since the newest step. A container's clock may be wrong: then its steps give a pace only."""
    if not started_at.timestamp() - _CLOCKS <= newest <= now.timestamp() + _CLOCKS:
        return 0.0
    return max(now.timestamp() - newest, 0.0)


def _progress_words(found: Progress) -> str:
    done, planned_length = found.newest.done, found.planned
    words = f"progress: {done:g} of {planned_length.length:g} {planned_length.unit} were done"
    if found.assumed is not None:
        words += f", where {found.assumed}"
    if found.redone:
        return f"{words}; the job had begun again, from its checkpoint as it seems"
    return f"{words}; the job had begun anew" if found.restarted else words


def _agree(one: float, other: float) -> bool:
    return max(one, other) <= _AGREE * min(one, other)


def _by_siblings(job: RunningJob, elapsed: float, least: int = 1) -> Remaining | None:
    """The estimate by siblings: completed trials planned for as many rounds or epochs, on as many machines."""
    length = planned(job.hyperparameters)
    took = [
        _took(trial)
        for trial in job.siblings()
        if trial.state is TrialState.COMPLETED
        and trial.started_at
        and trial.ended_at
        and _alike(trial, job)
        and (length is None or (its := planned(trial.hyperparameters)) is None or its.length == length.length)
    ]
    if len(took) < least:
        return None
    usual = median(took)
    if usual <= elapsed:
        return None
    ordered = sorted(took)
    low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    spread = 0.25 if len(ordered) < 4 else 0.0  # so few do not show how far they scatter
    return Remaining(
        seconds=usual - elapsed,
        low=max(min(low, usual * (1 - spread)) - elapsed, 0.0),
        high=max(high, usual * (1 + spread)) - elapsed,
        method=f"siblings: {len(took)} completed trials took {usual:.0f} s in the median",
    )


def _alike(trial: TrialRecord, job: RunningJob) -> bool:
    return trial.instance_type in (None, job.instance_type) and (trial.instance_count or 1) == (job.instance_count or 1)


def _took(trial: TrialRecord) -> float:
    if trial.started_at is None or trial.ended_at is None:
        return 0.0
    return (trial.ended_at - trial.started_at).total_seconds()


def _by_first_steps(job: RunningJob, elapsed: float) -> Remaining | None:
    """The estimate by a single moment: start-up is included, so the training can hardly have been slower."""
    found = planned(job.hyperparameters)
    mark = job.progress.newest if job.progress is not None else _finding(job, found.unit if found else "")
    if found is None or mark is None or not 0 < mark.done <= found.length:
        return None
    left = found.length - mark.done
    seconds = elapsed * left / mark.done
    method = f"progress: {mark.done:g} of {found.length:g} {found.unit} were done, start-up not known apart"
    return Remaining(seconds=seconds, low=0.0, high=seconds, method=method, at_most=left > 0)


def _finding(job: RunningJob, unit: str) -> Mark | None:
    """The step of the finding; only rounds are known to be counted as steps are."""
    return Mark(job.step + 1.0, 0.0) if job.step is not None and job.step >= 0 and unit == ROUNDS else None


def _stands_still(progress: Progress, started_at: datetime, now: datetime) -> bool:
    return progress.stands_still(progress.newest.at + _since(progress.newest.at, started_at, now))


def _still(found: Remaining, limit: float) -> Remaining:
    """The estimate for a training that stands still: it holds its instances until its time limit."""
    method = f"limit: at most, as the training stands still and the job might have gone on for {limit:.0f} s"
    return Remaining(seconds=limit, low=min(found.low, limit), high=limit, method=method, at_most=True)


def _by_limit(job: RunningJob, limit: float | None) -> Remaining | None:
    if not limit:
        return None
    method = f"limit: at most, as the job might have run {job.max_runtime_seconds} s"
    return Remaining(seconds=limit, low=0.0, high=limit, method=method, at_most=True)
