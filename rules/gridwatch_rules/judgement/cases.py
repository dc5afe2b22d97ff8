"""A trial among those of its grid, as the grounds of GridDefault look at it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gridwatch_rules.judgement.forecast import Trend
from gridwatch_rules.judgement.history import Curve, History, KnownTrial
from gridwatch_rules.judgement.ranks import rank_correlation, spread

# A trial stands still when it found nothing better for a quarter of the time that it took to reach its best.
_STALE = 1.25
_FEWEST_TO_CORRELATE = 5
_MOST_LOOKED_AT, _MOST_COMPARED = 1_024, 256  # trials; more would make a verdict in a large experiment slow


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the grounds look at: a trial, the others, the good ones among them, and how long a training
    lasts (0 when it is not known).
    """

    curve: Curve
    history: History
    good: Sequence[KnownTrial]
    whole: float


def foretold(case: Case) -> float | None:
    """The rank correlation between the bests of the other trials at this resource and the bests that they came to. It
    takes trials that went on for as long again or to the end of the training; None for fewer than five of them.
    """
    at = case.curve.reached
    enough = min(2 * at, case.whole) if case.whole else 2 * at
    seen = drawn(case.history, lambda each: each.until >= enough and each.curve is not case.curve)
    if len(seen) < _FEWEST_TO_CORRELATE:
        return None
    return rank_correlation([each.at(at) for each in seen], [each.best for each in seen])


def drawn(history: History, which: Callable[[KnownTrial], bool]) -> Sequence[KnownTrial]:
    """Those of the known trials, evenly spread over their ranks where they are many."""
    return spread([each for each in spread(history.known, _MOST_LOOKED_AT) if which(each)], _MOST_COMPARED)


def trend_as_json(trend: Trend, history: History) -> dict[str, object]:
    return {"level": history.metric(trend.level), "fall": trend.fall, "noise": trend.noise}


def is_stale(curve: Curve) -> bool:
    """Whether the best is older than a quarter of the time that it took to reach it."""
    first = bisect_left(curve.bests, -curve.best, key=lambda best: -best)
    return curve.reached >= _STALE * curve.resources[first]


def reports_until(curve: Curve, resource: float) -> float:
    """The number of reports that there will be at a resource, at their rate so far."""
    return len(curve.values) * resource / curve.reached


def size_of(curve: Curve, history: History) -> float:
    """The size of which shares are taken. It is the loss itself when that is above zero. For scores, which lie near
    their best value, and for metrics that can be negative, it is at most the distance between the best and the median
    trial.
    """
    size = abs(curve.best)
    if curve.best > 0 and not history.maximize:
        return size
    known = history.known
    return min(size, known[len(known) // 2].best - known[0].best)
