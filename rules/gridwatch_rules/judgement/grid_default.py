"""The rule GridDefault, Gridwatch's own for grids."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from gridwatch_rules.judgement.forecast import Trend, trend_of
from gridwatch_rules.judgement.history import Curve, History, KnownTrial
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.rules.parameters import integer, number

# A value counts as better when it is lower by at least this share of its size; rules' scores use the same share.
_WORTH = 0.05
# A good trial is done when it found nothing better for half as long again as it took to reach its best.
_STALE = 1.5


@dataclass(frozen=True, slots=True)
class GridDefaultParameters(JudgementParameters):
    top: float = number(0.2, "the share of the trials known so far that counts as good", minimum=0.01, maximum=0.9)
    error: float = number(
        0.05, "the share of good trials that may lie outside the envelope of all good ones", minimum=0, maximum=0.5
    )
    catch_up: float = number(
        0.5, "the next doubling of a trial's time gains this share of what the last one gained", minimum=0
    )
    probability: float | None = number(
        None,
        "instead of by `catch_up`, a trial outside is let go on when a power law through its curve gives it more than "
        "this probability to become as good as the better half of the good ones",
        minimum=0,
        maximum=1,
    )
    margin: float = number(10.0, "how many times its noise a trial may still come lower", minimum=0)
    min_trials: int = integer(8, "good trials that there must be", minimum=2)
    min_reports: int = integer(4, "reports after which a trial is judged", minimum=2)
    grace: float = number(0.05, "share of the whole training before which no trial is judged", minimum=0, maximum=1)


class GridDefault(JudgementRule):
    """Stops a trial for one of three reasons. Good trials are the best `top` of the known ones: all that ended, and the
    others as they stood at the last sixteenth of their training.

    Outside: its best is worse than that of all but a share `error` of the good trials at the same resource, and it will
    not catch up. Even if the next doubling of its time gains `catch_up` of the gain of the last doubling, it will be
    worse than they were by then. Trials that learn slowly widen the allowed range as soon as one of them is good. With
    n good trials, another one of their kind lies outside with a probability of about error + 1 / (n + 1), as in
    conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005).

    Lost: it is not good, and a cautious forecast of its own trend and noise to the end of the training is worse than
    the worst of the good trials. Done: it is good, but its best lies far back, and a more cautious forecast does not
    get 5 % below it. The forecast takes the medians of the two halves of its newer reports. The fall between them
    continues, slowing like a logarithm (lost) or undiminished (done), with a margin of `margin` times the median change
    from report to report.

    The rule needs to know how long a training lasts: as long as planned, else as long as the longest that completed. It
    fails for curves that stand still and then fall suddenly, later than those of all earlier good trials, and for the
    first few trials of a kind that learns slowly. Until 2 * `min_trials` trials are known it stops only trials whose
    value is not finite. docs/judgement.md describes the data on which it was chosen.
    """

    name = "GridDefault"
    summary = "worse than good trials ever were at this point, or no longer getting anywhere"
    Parameters = GridDefaultParameters
    parameters: GridDefaultParameters

    @property
    def reports_needed(self) -> int:
        return self.parameters.min_reports

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        chosen, at = self.parameters, curve.reached
        whole = curve.planned or history.furthest
        if len(curve.values) < chosen.min_reports or at < chosen.grace * whole:
            return None
        known = history.known
        if len(known) < 2 * chosen.min_trials:
            return None
        good = known[: max(chosen.min_trials, math.ceil(chosen.top * len(known)))]
        if curve.best <= good[-1].best:
            return self._done(curve, history, whole)
        return self._outside(curve, history, good, whole) or self._lost(curve, history, good, whole)

    def _outside(self, curve: Curve, history: History, good: Sequence[KnownTrial], whole: float) -> Judgement | None:
        at = curve.reached
        if curve.best <= self._envelope(history, good, at):
            return None
        later = min(2 * at, whole) if whole else 2 * at
        count = len(curve.bests)
        gained = curve.bests[(count - 1) // 2] - curve.best if count > 1 else 0.0
        caught_up = curve.best - self.parameters.catch_up * gained * math.log2(later / at)
        limit = self._envelope(history, good, later)
        if self._may_return(curve, history, whole) if self.parameters.probability is not None else caught_up <= limit:
            return None
        others = sorted(each.at(at) for each in good)
        because = (
            f"it is worse than {len(good)} good trials were, and its trend does not bring it back to them by {later:g}"
        )
        threshold = self._envelope(history, good, at)
        return self.stop(
            curve, history, observed=curve.best, threshold=threshold, because=because, others=others,
            details={
                "reason": "outside", "expected": history.metric(caught_up), "needed": history.metric(limit),
                "later": later,
            },
        )  # fmt: skip

    def _may_return(self, curve: Curve, history: History, whole: float) -> bool:
        from gridwatch_rules.judgement.extrapolation import chance_of  # needs numpy

        known = history.known
        better = known[max(1, math.ceil(self.parameters.top / 2 * len(known))) - 1].best
        found = chance_of(curve, whole, better) if whole else None
        return found is None or found[1] >= (self.parameters.probability or 0.0)

    def _envelope(self, history: History, good: Sequence[KnownTrial], resource: float) -> float:
        """The value that the best so far of all but a share `error` of the good trials had reached at the resource."""
        kept = history.kept(("GridDefault", self.parameters.error), good)
        limit: float | None = kept.get(resource)
        if limit is None:
            outside = int(self.parameters.error * (len(good) + 1))
            ranked = sorted(each.at(resource) for each in good)
            limit = kept[resource] = ranked[-1 - outside]
        return limit

    def _lost(self, curve: Curve, history: History, good: Sequence[KnownTrial], whole: float) -> Judgement | None:
        if not whole or not _is_stale(curve):
            return None
        limit, trend = good[-1].best, trend_of(curve.values)
        if trend is None:
            return None
        bound = trend.bound(_reports(curve, whole), self.parameters.margin, decaying=True)
        if bound <= limit:
            return None
        others = [each.best for each in good]
        because = f"its trend does not lead to the best of {len(good)} good trials by {whole:g}"
        return self.stop(
            curve, history, observed=bound, threshold=limit, because=because, others=others,
            details=_details("lost", trend, history),
        )  # fmt: skip

    def _done(self, curve: Curve, history: History, whole: float) -> Judgement | None:
        if not whole or curve.reached < _WORTH * 4 * whole or not _is_stale(curve):
            return None
        trend = trend_of(curve.values)
        if trend is None:
            return None
        wanted = curve.best - _WORTH * _size(curve, history)
        bound = trend.bound(_reports(curve, whole), self.parameters.margin, decaying=False)
        if bound <= wanted:
            return None
        because = "it is good, but nothing says that it will become better than its best"
        return self.stop(
            curve, history, observed=bound, threshold=wanted, because=because,
            details=_details("done", trend, history),
        )  # fmt: skip


def _details(reason: str, trend: Trend, history: History) -> dict[str, object]:
    return {"reason": reason, "level": history.metric(trend.level), "fall": trend.fall, "noise": trend.noise}


def _is_stale(curve: Curve) -> bool:
    """Whether the best is older than half of the time that it took to reach it."""
    first = bisect_left(curve.bests, -curve.best, key=lambda best: -best)
    return curve.reached >= _STALE * curve.resources[first]


def _reports(curve: Curve, resource: float) -> float:
    """The number of reports that there will be at a resource, at their rate so far."""
    return len(curve.values) * resource / curve.reached


def _size(curve: Curve, history: History) -> float:
    """The size of which shares are taken. It is the loss itself when that is above zero. For scores, which lie near
    their best value, and for metrics that can be negative, it is at most the distance between the best and the median
    trial.
    """
    size = abs(curve.best)
    if curve.best > 0 and not history.maximize:
        return size
    known = history.known
    return min(size, known[len(known) // 2].best - known[0].best)
