"""AllZero: too many of a tensor's values are zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import number
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.selection import SelectionParameters, chosen

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class AllZeroParameters(SelectionParameters):
    threshold: float = number(100.0, "the percentage of zeros from which on it fires", minimum=0, maximum=100)


class AllZero(Rule):
    """Fires when at least `threshold` percent of an inspected tensor's elements, of any worker, are exactly 0.

    A tensor of which only reductions were saved is all zero when its absolute maximum, or both its extremes, are 0.
    Source: SageMaker Developer Guide, "List of Debugger built-in rules", AllZero.
    """

    name = "AllZero"
    summary = "too many of a tensor's values are zero"
    Parameters = AllZeroParameters
    parameters: AllZeroParameters
    judged = 0

    def requirement(self) -> Requirement:
        return chosen(self.name, self.parameters, all_workers=True)

    def looks_for(self) -> str:
        return f"numbers in {self.required.in_words}, saved whole (of reductions only a maximum of 0 tells)"

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            percent = _percent_zero(view, name, self.parameters.threshold)
            if percent is None:
                continue
            self.judged += 1
            if percent >= self.parameters.threshold:
                return self.finding(
                    view,
                    name,
                    percent,
                    self.parameters.threshold,
                    f"{percent:.4g} % of {name} is zero (limit {self.parameters.threshold:g} %)",
                )
        return None


def _percent_zero(view: StepView, name: str, threshold: float) -> float | None:
    """The percentage of zeros; None when it is not known. Reductions tell only whether all values are zero."""
    import numpy as np

    shares = [
        100 * (1 - np.count_nonzero(value) / value.size)
        for value in view.values(name).values()
        if value.size and value.dtype.kind in "biufc"
    ]
    if shares or view.has(name):
        return max(shares, default=None)
    saved = view.saved_reductions(name)
    largest, extremes = saved.get(("max", True)), [saved.get(("min", False)), saved.get(("max", False))]
    if largest == 0 or extremes == [0, 0]:
        return 100.0
    is_known = largest is not None or None not in extremes
    return 0.0 if is_known and threshold == 100 else None
