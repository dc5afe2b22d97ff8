"""VanishingGradient: the gradients of a layer are next to nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import reduced
from gridwatch_rules.rules.parameters import number
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class VanishingGradientParameters:
    threshold: float = number(1e-7, "the mean absolute gradient under which a layer learns nothing", minimum=0)


class VanishingGradient(Rule):
    """Fires when mean(|g|) of any tensor in the collection `gradients` is below `threshold`.

    Source: SageMaker Developer Guide, "List of Debugger built-in rules", VanishingGradient, and the simplified rule in
    smdebug's docs/analysis.md, whose early return after its first tensor is not repeated: every tensor is looked at.
    """

    name = "VanishingGradient"
    summary = "the mean absolute gradient of a layer is next to nothing"
    collect = (Collect("gradients", {"save_interval": "500"}),)
    Parameters = VanishingGradientParameters
    parameters: VanishingGradientParameters
    judged = 0

    def requirement(self) -> Requirement:
        return Requirement(("gradients",), reductions=(("mean", True),))

    def check(self, view: StepView) -> Finding | None:
        limit = self.parameters.threshold
        for name in view.names(self.required):
            mean = reduced(view, name, "mean", absolute=True)
            self.judged += mean is not None and not math.isnan(mean)
            if mean is not None and mean < limit:
                return self.finding(
                    view, name, mean, limit, f"the mean absolute value of {name} is {mean:.3g}, below {limit:g}"
                )
        return None
