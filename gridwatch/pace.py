"""How often a running job is looked at: the interval at which looking and being late together cost least, within a
share of the job's price.

With `c` the price of a look, `p` the job's price an hour and `T` the hours that it is expected to take: looks `d` hours
apart cost c*T/d, and a job that has to be stopped is stopped d/2 late in the mean, which costs p*d/2 once. The sum is
least at d = sqrt(2*c*T/p). It is the formula by which checkpoints are spaced: J. W. Young, "A first order approximation
to the optimum checkpoint interval", Communications of the ACM 17 (9), 1974.

The bound on the share wins: of the job's price all looks together cost at most `share`, at any moment after its first
five minutes. A part of it is for checks that come without news (rules about time, events that were lost).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

SHARE = 0.01  # of the job's price, unless a spec or the deployment says another
UNKNOWN_PRICE = 0.115  # an hour, of instances without a price: the ml.m5.large's, so that looks are rather few
SPOT = 0.3  # of the on-demand price: AWS speaks of savings up to 90 %, and mostly of 70 %
FIRST_SECONDS = 300.0  # what a job of this length may spend is there from its beginning; the hook knows it too
SHORTEST_JOB = 60.0  # seconds that a job is expected to take at least
LONGEST = 600.0  # seconds between two looks: what a hook still holds is lost when its process is killed
QUICKEST = 0.25  # where looks are free: as quickly as S3 suits
CHECK_SECONDS = 60.0  # the schedule of the sweep
FREE_LOG_SECONDS = 2.0
_CHECKS = 0.1  # of the share, for checks of jobs whose hook's writes are looked at
_URGENT = 0.2  # of the looks' part, for what is urgent: usual looks keep this much below the bound
_MARGIN = 1.25  # of the usual time of an experiment's trials: one that takes longer is still within its terms
PACE_KEY = "GRIDWATCH_PACE"  # of a training job's environment; gridwatch_hook.settings reads it


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPrices:
    """What one look of each kind costs, in the price table's currency: `look` at what a hook has written, including the
    writing; `check` without news; `log`, a look at a job's log with recording its metrics; `beginning`, what a hook
    writes once when it begins.
    """

    look: float
    check: float
    log: float
    beginning: float


class Log(StrEnum):
    """When a job's log is looked at."""

    NEVER = "never"
    CHECKED = "checked"  # by checks alone: the hook has it
    FOLLOWED = "followed"  # by looks of its own, beside what a hook may write


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds that a spec or the deployment sets: the share; `every`, the seconds between looks in place of the best
    interval; `free`, for looks that cost nothing, as in the embedded cloud.
    """

    share: float = SHARE
    every: float | None = None
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The seconds between looks: usually `look_seconds`, on average never less than `least_seconds` (0: no bound), with
    `first_looks` in the first five minutes; `check_seconds` between checks without news, `log_seconds` between looks at
    a log that no event tells of.
    """

    look_seconds: float
    least_seconds: float
    first_looks: int
    check_seconds: float
    log_seconds: float

    def for_hook(self) -> str:
        """The pace in the form that the hook in the training container takes (gridwatch_hook.pace.Terms)."""
        told = {name: asdict(self)[name] for name in ("look_seconds", "least_seconds", "first_looks")}
        return json.dumps({name: round(value, 3) for name, value in told.items()}, separators=(",", ":"))


FREE = Pace(
    look_seconds=QUICKEST,
    least_seconds=0.0,
    first_looks=1,
    check_seconds=CHECK_SECONDS,
    log_seconds=FREE_LOG_SECONDS,
)


def best_distance(look: float, per_hour: float, hours: float) -> float:
    """The interval between looks, in seconds, at which the looks and being late together cost least."""
    return 3600.0 * math.sqrt(2.0 * look * hours / per_hour)


def pace_of(
    per_hour: float | None,
    seconds: float,
    prices: LookPrices,
    bounds: Bounds,
    *,
    log: Log = Log.NEVER,
    profiled: bool = False,
) -> Pace:
    """The pace of a job that costs `per_hour` (None: not known) and is expected to take `seconds`. What the hook
    writes, a log that is followed and a profile get equal parts of the looks' budget.
    """
    if bounds.free:
        return FREE
    hourly = per_hour or UNKNOWN_PRICE
    hours = max(seconds, SHORTEST_JOB) / 3600.0
    allowed = bounds.share * hourly / 3600.0  # to spend a second
    for_looks = (1.0 - _CHECKS) * allowed / (1 + (log is Log.FOLLOWED) + profiled)
    least = prices.look / for_looks
    # Closing writes once more, whatever waits then.
    first = (for_looks * FIRST_SECONDS - prices.beginning) / prices.look - 1.0
    wanted = bounds.every or best_distance(prices.look, hourly, hours)
    check = prices.check if log is Log.NEVER else prices.log
    wanted_log = bounds.every or best_distance(prices.log, hourly, hours)
    return Pace(
        look_seconds=max(min(wanted, LONGEST), least / (1.0 - _URGENT), QUICKEST),
        least_seconds=least,
        first_looks=max(1, math.floor(first)),
        check_seconds=max(CHECK_SECONDS, check / (_CHECKS * allowed)),
        log_seconds=max(min(wanted_log, LONGEST), prices.log / for_looks, FREE_LOG_SECONDS),
    )


def looks_at_most(pace: Pace, seconds: float) -> float:
    """The largest number of looks at a job of this length, even when something in it is urgent."""
    if not pace.least_seconds:
        return seconds / pace.look_seconds
    return pace.first_looks + max(0.0, seconds - FIRST_SECONDS) / pace.least_seconds


def usual_looks(pace: Pace, seconds: float) -> float:
    """The number of looks at a job of this length while nothing is urgent; the first ones may come sooner."""
    return min(looks_at_most(pace, seconds), 4.0 + seconds / pace.look_seconds)


def expected_seconds(longest: float, took: Sequence[float]) -> float:
    """The seconds that a job is expected to take: at most `longest`, given that trials of its experiment `took` so
    long.
    """
    if not took:
        return longest
    ordered, middle = sorted(took), len(took) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return min(longest, _MARGIN * median)


def is_due(check_seconds: float, elapsed: float, every: float = CHECK_SECONDS) -> bool:
    """Whether a schedule that fires each `every` seconds is to check a job at this time of its life.

    It remembers nothing: a check is due when the `elapsed` seconds have passed a multiple of `check_seconds` since the
    schedule fired before.
    """
    if not (math.isfinite(check_seconds) and check_seconds > every):
        return True  # a record may say anything: what is no distance holds no check up
    return math.floor(elapsed / check_seconds) > math.floor((elapsed - every) / check_seconds)


def as_said(bounds: Bounds, share: float | None, every: float | None) -> Bounds:
    """The deployment's bounds, overridden by what a spec says; a spec's share counts as it is, larger or smaller."""
    return replace(
        bounds,
        share=bounds.share if share is None else share,
        every=bounds.every if every is None else every,
    )
