"""The rule that extrapolates learning curves by a power law with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gridwatch_rules.judgement.history import Curve, History
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.rules.parameters import integer, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_LEAST = 3  # two coefficients and an error need three reports
_LOWEST, _HIGHEST, _EXPONENTS = 0.1, 3.0, 16


@dataclass(frozen=True, slots=True)
class CurveExtrapolationParameters(JudgementParameters):
    probability: float = number(
        0.05, "a trial is stopped when it becomes good with less than this probability", minimum=0.0001, maximum=0.5
    )
    top: float = number(0.1, "the share of the trials known so far that counts as good", minimum=0.01, maximum=0.9)
    min_trials: int = integer(5, "trials that must be known", minimum=1)
    min_reports: int = integer(6, "reports after which a trial is judged", minimum=5)
    max_resource: float | None = number(None, "the resource of a whole training; by default as planned", minimum=1)


class CurveExtrapolation(JudgementRule):
    """Stops a trial when the extrapolation of its own curve to the end of the training gives it a probability below
    `probability` of becoming as good as the best `top` of the trials known so far.

    Model: loss(r) = c + a * r ** -b with normal errors, the family "pow3" of Domhan, Springenberg and Hutter, "Speeding
    Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of Learning Curves" (IJCAI 2015),
    whose criterion of termination this is. For each of 16 exponents b between 0.1 and 3 the regression in c and a is
    solved in closed form; the exponents are averaged with the weights of their marginal likelihood under flat priors,
    |X'X| ** -1/2 * RSS ** -(n - 2)/2 (Zellner, "An Introduction to Bayesian Inference in Econometrics", 1971), and each
    predicts with a Student distribution of n - 2 degrees of freedom that holds the errors of c and a and of a single
    report. The first quarter of the reports is left out, because it seldom follows the same law as the rest.

    The uncertainty is that within the model, not of the choice of model. It is wrong for curves that stand still and
    then fall (plateaus of deep networks), for schedules that change the learning rate, and for errors that grow or are
    correlated. It also ignores that the best of several later reports counts. Such trials are stopped too early.
    """

    name = "CurveExtrapolation"
    summary = "unlikely to become good, by a power law through its own curve (Domhan et al.)"
    Parameters = CurveExtrapolationParameters
    parameters: CurveExtrapolationParameters

    @property
    def reports_needed(self) -> int:
        return self.parameters.min_reports

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        chosen, known = self.parameters, history.known
        whole = chosen.max_resource or curve.planned or history.furthest
        if len(curve.values) < chosen.min_reports or len(known) < chosen.min_trials or curve.reached >= whole:
            return None
        good = known[: max(1, math.ceil(chosen.top * len(known)))]
        limit = good[-1].best
        if curve.best <= limit:
            return None
        found = chance_of(curve, whole, limit)
        if found is None or found[1] >= chosen.probability:
            return None
        expected, chance = found
        because = (
            f"it becomes as good as the best {len(good)} of {len(known)} trials with a probability of {chance:.2g}"
        )
        others = [each.best for each in good]
        details = {"probability": chance}
        return self.stop(
            curve, history, observed=expected, threshold=limit, because=because, others=others, details=details
        )


def chance_of(curve: Curve, whole: float, limit: float) -> tuple[float, float] | None:
    """The expected loss at `whole`, and the probability that it is at most `limit`. None when no power law can be
    fitted: the curve has fewer than three reports beyond its first quarter, or one of them is not finite.
    """
    first = len(curve.values) // 4
    values = curve.values[first:]
    if len(values) < _LEAST or math.inf in values:
        return None
    return _forecast(tuple(curve.resources[first:]), values, float(whole), limit)


def _forecast(resources: tuple[float, ...], values: list[float], whole: float, limit: float) -> tuple[float, float]:
    """The expected loss at `whole`, and the probability that it is at most `limit`."""
    import numpy as np

    law = _law(resources, whole)
    unit = max(map(abs, values)) or 1.0  # scaled so that squares do not overflow
    y = np.asarray(values) / unit
    found = law.solve @ y  # shape (exponents, 2)
    left = y - np.einsum("eni,ei->en", law.design, found)
    rss = np.maximum((left * left).sum(axis=1), 1e-16)
    freedom = len(values) - 2
    weight = law.log_weight - 0.5 * freedom * np.log(rss)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    expected = (found * law.at_whole).sum(axis=1)
    spread = np.sqrt(rss / freedom * law.leverage)
    below = _student((limit / unit - expected) / spread, freedom)
    return float(weight @ expected) * unit, float(weight @ below)


@dataclass(frozen=True, slots=True)
class _Law:
    """The parts of the regression for each exponent: design matrix, its pseudo-inverse, the regressors at the end, one
    plus their leverage there, and the logarithm of |X'X| ** -1/2.
    """

    design: Array
    solve: Array
    at_whole: Array
    leverage: Array
    log_weight: Array


@lru_cache(maxsize=512)
def _law(resources: tuple[float, ...], whole: float) -> _Law:
    import numpy as np

    exponents = np.geomspace(_LOWEST, _HIGHEST, _EXPONENTS)
    r = np.asarray(resources) / whole
    falling = r[None, :] ** -exponents[:, None]
    scale = falling.max(axis=1, keepdims=True)  # scaled, because otherwise the normal equations lose precision
    design = np.stack([np.ones_like(falling), falling / scale], axis=2)
    normal = design.transpose(0, 2, 1) @ design
    inverse = np.linalg.inv(normal)
    at_whole = np.stack([np.ones(_EXPONENTS), 1 / scale[:, 0]], axis=1)
    leverage = 1 + np.einsum("ei,eij,ej->e", at_whole, inverse, at_whole)
    # In terms of `a` itself the column is `scale` times as long.
    log_weight = -0.5 * np.log(np.linalg.det(normal)) - np.log(scale[:, 0])
    return _Law(design, inverse @ design.transpose(0, 2, 1), at_whole, leverage, log_weight)


def _student(t: Array, freedom: int) -> Array:
    """The distribution function of Student's t, by the normal approximation of Abramowitz and Stegun, 26.7.8."""
    import numpy as np

    z = t * (1 - 1 / (4 * freedom)) / np.sqrt(1 + t * t / (2 * freedom))
    return np.asarray([0.5 * math.erfc(-each / math.sqrt(2)) for each in z])
