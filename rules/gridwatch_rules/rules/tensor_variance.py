"""TensorVariance: a tensor's values vary too much or too little."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import reduced
from gridwatch_rules.rules.parameters import number
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.selection import SelectionParameters, chosen

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class TensorVarianceParameters(SelectionParameters):
    max_threshold: float | None = number(None, "the largest variance that is no issue", minimum=0)
    min_threshold: float | None = number(None, "the smallest variance that is no issue", minimum=0)


class TensorVariance(Rule):
    """Fires when the variance of an inspected tensor is above `max_threshold` or below `min_threshold`.

    The population variance over all elements. A limit that is not given is not checked; one of them is required.
    Source: SageMaker Developer Guide, "List of Debugger built-in rules", TensorVariance.
    """

    name = "TensorVariance"
    summary = "a tensor's variance is above or below a limit"
    Parameters = TensorVarianceParameters
    parameters: TensorVarianceParameters
    judged = 0

    def requirement(self) -> Requirement:
        if self.parameters.max_threshold is None and self.parameters.min_threshold is None:
            raise RuleConfigurationError(f"{self.name}: one of max_threshold and min_threshold is required")
        return chosen(self.name, self.parameters, reductions=(("variance", False),))

    def looks_for(self) -> str:
        return f"the variance of numbers in {self.required.in_words}"

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            variance = reduced(view, name, "variance")
            self.judged += variance is not None and not math.isnan(variance)
            limit = self._broken_limit(variance) if variance is not None else None
            if limit is not None and variance is not None:
                side = "above" if variance > limit else "below"
                return self.finding(
                    view, name, variance, limit, f"the variance of {name} is {variance:.4g}, {side} {limit:g}"
                )
        return None

    def _broken_limit(self, variance: float) -> float | None:
        highest, lowest = self.parameters.max_threshold, self.parameters.min_threshold
        if highest is not None and variance > highest:
            return highest
        return lowest if lowest is not None and variance < lowest else None
