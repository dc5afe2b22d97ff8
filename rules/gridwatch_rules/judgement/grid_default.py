"""The rule GridDefault, Gridwatch's own for grids."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gridwatch_rules.judgement.cases import Case, drawn, foretold, is_stale, reports_until, size_of, trend_as_json
from gridwatch_rules.judgement.forecast import trend_of
from gridwatch_rules.judgement.history import Curve, History, Statistic
from gridwatch_rules.judgement.ranks import median
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.judgement.stopping import SETTINGS, STOPPINGS, Ground, Setting, Stopping
from gridwatch_rules.rules.parameters import integer, number, text

# A value counts as better when it is lower by at least this share of its size; rules' scores use the same share.
_WORTH = 0.05
# A good trial is only past its best when so many times its noise does not lead it on.
_DONE_MARGIN = 10.0
_CHANCE = 0.05  # of the extrapolation, where `probability` is not given
_EXTRAPOLATED_TOP = 0.1  # the extrapolation asks for the best tenth, as the rule CurveExtrapolation does
_REPORTS_TO_EXTRAPOLATE = 6
_FEWEST_COMPLETED, _FEWEST_GAINS = 3, 4


@dataclass(frozen=True, slots=True)
class GridDefaultParameters(JudgementParameters):
    stopping: str = text(
        "balanced",
        "how readily a trial is given up: `cautious` (three of four grounds agree), `balanced` (two of three) or "
        "`eager` (two of five)",
        choices=STOPPINGS,
    )
    top: float | None = number(
        None,
        "the share of the trials known so far that counts as good; by default 0.25 if cautious, otherwise 0.15",
        minimum=0.01,
        maximum=0.9,
    )
    error: float = number(
        0.05, "the share of good trials that may lie outside the envelope of all good ones", minimum=0, maximum=0.5
    )
    catch_up: float = number(
        0.5, "the next doubling of a trial's time gains this share of what the last one gained", minimum=0
    )
    probability: float | None = number(
        None,
        "the extrapolation speaks against a trial that becomes one of the best tenth with less than this probability; "
        "by default 0.05",
        minimum=0,
        maximum=1,
    )
    margin: float | None = number(
        None, "how many times its noise a trial may still come lower; by default 10 if cautious, otherwise 4", minimum=0
    )
    min_trials: int | None = integer(
        None,
        "good trials that there must be, and half as many others; by default 5 if eager, otherwise 8",
        minimum=2,
    )
    min_reports: int = integer(4, "reports after which a trial is judged", minimum=2)
    grace: float = number(0.05, "share of the whole training before which no trial is judged", minimum=0, maximum=1)
    correlation: float = number(
        0.5,
        "no trial is given up while the ranks of the others at its resource agree less than this with their ranks "
        "later; -1 switches that off",
        minimum=-1,
        maximum=1,
    )


@dataclass(frozen=True, slots=True)
class _Against:
    """The finding of one ground against a trial, as losses. `others` makes the values that it compared with."""

    ground: Ground
    observed: float
    threshold: float
    because: str
    others: Callable[[], Sequence[float]]
    details: dict[str, object]


class GridDefault(JudgementRule):
    """Gives a trial up when several independent grounds agree at the same report, and stops a good one that is past
    its best. `stopping` says how many of which grounds. Good trials are the best `top` of the known ones: all that
    ended, and the others as they stood at the last sixteenth of their training.

    Outside: its best is worse than that of all but a share `error` of the good trials at the same resource, and it will
    not catch up. Even if the next doubling of its time gains `catch_up` of the gain of the last doubling, it will be
    worse than they were by then. With n good trials, another one of their kind lies outside with a probability of about
    error + 1 / (n + 1), as in conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
    World", 2005). Lost: it stands still, and a forecast of its own trend and noise to the end of the training is worse
    than the worst of the good trials. The forecast takes the medians of the two halves of its newer reports, and the
    fall between them continues, slowing like a logarithm, with a margin of `margin` times the median change from report
    to report. Extrapolated: a power law through its curve gives it less than `probability` to become as good as the
    best tenth (see CurveExtrapolation). Beyond: it lacks more than any trial that was as bad has ever gained from this
    resource on. Behind: its best is worse than the median of the completed trials' running averages.

    The rule distrusts itself. It compares how the other trials stood at this resource with what they came to, where
    they went on for as long again or to their end. While those ranks agree by less than `correlation` (Spearman),
    nothing at this resource foretells the end in this grid, and no trial is given up.

    Done: it is good, but stands still, and a more cautious forecast, whose fall does not slow, does not get 5 % below
    its best.

    The rule needs to know how long a training lasts: as long as planned, else as long as the longest that completed. It
    fails for curves that stand still and then fall suddenly while no other has shown that yet. Until 1.5 * `min_trials`
    trials are known it stops only trials whose value is not finite. docs/judgement.md describes the data on which it
    was chosen.
    """

    name = "GridDefault"
    summary = "several grounds agree that it will not be good, or it is no longer getting anywhere"
    Parameters = GridDefaultParameters
    parameters: GridDefaultParameters

    @property
    def reports_needed(self) -> int:
        return self.parameters.min_reports

    @property
    def setting(self) -> Setting:
        return SETTINGS[Stopping(self.parameters.stopping)]

    @property
    def top(self) -> float:
        return self.setting.top if self.parameters.top is None else self.parameters.top

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        chosen, at = self.parameters, curve.reached
        whole = curve.planned or history.furthest
        if len(curve.values) < chosen.min_reports or at < chosen.grace * whole:
            return None
        known = history.known
        if len(known) < 1.5 * self.min_trials:
            return None
        good = known[: max(self.min_trials, math.ceil(self.top * len(known)))]
        case = Case(curve, history, good, whole)
        return self._done(case) if curve.best <= good[-1].best else self._given_up(case)

    @property
    def min_trials(self) -> int:
        return self.parameters.min_trials or self.setting.min_trials

    @property
    def margin(self) -> float:
        return self.setting.margin if self.parameters.margin is None else self.parameters.margin

    def _given_up(self, case: Case) -> Judgement | None:
        setting = self.setting
        found: list[_Against] = []
        for place, ground in enumerate(setting.grounds):
            if len(found) + len(setting.grounds) - place < setting.agree:
                return None
            against = self._asked(ground)(case)
            if against is not None:
                found.append(against)
            if len(found) == setting.agree:
                return self._unless_unproven(case, found)
        return None

    def _asked(self, ground: Ground) -> Callable[[Case], _Against | None]:
        return {
            Ground.OUTSIDE: self._outside,
            Ground.LOST: self._lost,
            Ground.EXTRAPOLATED: self._extrapolated,
            Ground.BEYOND: self._beyond,
            Ground.BEHIND: self._behind,
        }[ground]

    def _unless_unproven(self, case: Case, found: Sequence[_Against]) -> Judgement | None:
        agreement = foretold(case)
        if self.setting.proven if agreement is None else agreement < self.parameters.correlation:
            return None
        first = found[0]
        details = {name: value for each in found for name, value in each.details.items()}
        details |= {"reason": str(first.ground), "grounds": [str(each.ground) for each in found]}
        if agreement is not None:
            details["correlation"] = agreement
        return self.stop(
            case.curve, case.history, observed=first.observed, threshold=first.threshold,
            because=", and ".join(each.because for each in found), others=first.others(), details=details,
        )  # fmt: skip

    def _outside(self, case: Case) -> _Against | None:
        curve, at = case.curve, case.curve.reached
        threshold = self._envelope(case, at)
        if curve.best <= threshold:
            return None
        later = min(2 * at, case.whole) if case.whole else 2 * at
        count = len(curve.bests)
        gained = curve.bests[(count - 1) // 2] - curve.best if count > 1 else 0.0
        caught_up = curve.best - self.parameters.catch_up * gained * math.log2(later / at)
        limit = self._envelope(case, later)
        if caught_up <= limit:
            return None
        metric = case.history.metric
        return _Against(
            Ground.OUTSIDE, curve.best, threshold,
            f"it is worse than {len(case.good)} good trials were, and its trend does not bring it back to them by "
            f"{later:g}",
            lambda: self._ranked(case, at),
            {"expected": metric(caught_up), "needed": metric(limit), "later": later},
        )  # fmt: skip

    def _envelope(self, case: Case, resource: float) -> float:
        """The value that the best so far of all but a share `error` of the good trials had reached at the resource."""
        return self._ranked(case, resource)[-1 - int(self.parameters.error * (len(case.good) + 1))]

    def _ranked(self, case: Case, resource: float) -> Sequence[float]:
        """The values that the bests of the good trials had reached at the resource, ascending."""
        kept = case.history.kept(("GridDefault", self.top), case.good)
        ranked: list[float] | None = kept.get(resource)
        if ranked is None:
            ranked = kept[resource] = sorted(each.at(resource) for each in case.good)
        return ranked

    def _lost(self, case: Case) -> _Against | None:
        curve, limit = case.curve, case.good[-1].best
        trend = trend_of(curve.values) if case.whole and is_stale(curve) else None
        if trend is None:
            return None
        bound = trend.bound(reports_until(curve, case.whole), self.margin, decaying=True)
        if bound <= limit:
            return None
        return _Against(
            Ground.LOST, bound, limit,
            f"its trend does not lead to the best of {len(case.good)} good trials by {case.whole:g}",
            lambda: [each.best for each in case.good], trend_as_json(trend, case.history),
        )  # fmt: skip

    def _extrapolated(self, case: Case) -> _Against | None:
        if not case.whole or len(case.curve.values) < _REPORTS_TO_EXTRAPOLATE:
            return None
        from gridwatch_rules.judgement.extrapolation import chance_of  # needs numpy

        known = case.history.known
        best = known[: max(1, math.ceil(_EXTRAPOLATED_TOP * len(known)))]
        found = chance_of(case.curve, case.whole, best[-1].best)
        limit = _CHANCE if self.parameters.probability is None else self.parameters.probability
        if found is None or found[1] >= limit:
            return None
        return _Against(
            Ground.EXTRAPOLATED, found[0], best[-1].best,
            f"it becomes as good as the best {len(best)} of {len(known)} trials with a probability of {found[1]:.2g}",
            lambda: [each.best for each in best], {"probability": found[1]},
        )  # fmt: skip

    def _beyond(self, case: Case) -> _Against | None:
        at, best, limit = case.curve.reached, case.curve.best, case.good[-1].best
        lacking = best - limit
        then = [(each.at(at), each.best) for each in drawn(case.history, lambda each: each.until > at)]
        gains = [value - end for value, end in then if value <= best + lacking and value < math.inf]
        if len(gains) < _FEWEST_GAINS or lacking <= self.setting.reach * max(gains):
            return None
        return _Against(
            Ground.BEYOND, best, limit,
            f"it lacks {lacking:.4g}, and none of {len(gains)} trials that were as bad gained so much from there on",
            lambda: sorted(gains), {"lacking": lacking, "gained": max(gains)},
        )  # fmt: skip

    def _behind(self, case: Case) -> _Against | None:
        others = case.history.ranked(Statistic.MEAN, case.curve.reached, completed=True)
        if len(others) < _FEWEST_COMPLETED or case.curve.best <= median(others):
            return None
        because = f"its best is worse than the median running average of {len(others)} completed trials"
        return _Against(Ground.BEHIND, case.curve.best, median(others), because, lambda: others, {})

    def _done(self, case: Case) -> Judgement | None:
        curve, history, whole = case.curve, case.history, case.whole
        if not whole or curve.reached < _WORTH * 4 * whole or not is_stale(curve):
            return None
        trend = trend_of(curve.values)
        if trend is None:
            return None
        wanted = curve.best - _WORTH * size_of(curve, history)
        margin = max(self.margin, _DONE_MARGIN)
        bound = trend.bound(reports_until(curve, whole), margin, decaying=False)
        if bound <= wanted:
            return None
        because = "it is good, but nothing says that it will become better than its best"
        return self.stop(
            curve, history, observed=bound, threshold=wanted, because=because,
            details={"reason": "done", **trend_as_json(trend, history)},
        )  # fmt: skip
