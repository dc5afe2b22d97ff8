"""UnchangedTensor: a tensor stays the same from step to step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import flag, integer, number
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.selection import SelectionParameters, chosen

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class UnchangedTensorParameters(SelectionParameters):
    num_steps: int = integer(3, "saved steps of the tensor, this one included, that are compared", minimum=2)
    rtol: float = number(1e-5, "relative tolerance of numpy.allclose", minimum=0)
    atol: float = number(1e-8, "absolute tolerance of numpy.allclose", minimum=0)
    equal_nan: bool = flag("whether NaN equals NaN", default=False)


class UnchangedTensor(Rule):
    """Fires when a tensor equals, in the sense of numpy.allclose, what it was at its last `num_steps` - 1 saved steps.

    The steps are those at which this tensor was saved, whatever lies between them, in all modes together.
    Source: SageMaker Developer Guide, "List of Debugger built-in rules", UnchangedTensor.
    """

    name = "UnchangedTensor"
    summary = "a tensor stays the same over several saved steps"
    Parameters = UnchangedTensorParameters
    parameters: UnchangedTensorParameters
    judged = 0

    def __init__(self, parameters: UnchangedTensorParameters) -> None:
        super().__init__(parameters)
        self._steps: dict[str, list[int]] = {}

    def requirement(self) -> Requirement:
        return chosen(self.name, self.parameters)

    def looks_for(self) -> str:
        return f"numbers in {self.required.in_words}, saved whole at {self.parameters.num_steps} steps"

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            if not view.has(name):
                continue
            former = self._steps.get(name, [])
            if len(former) == self.parameters.num_steps - 1 and self._is_unchanged(view, name, former):
                return self.finding(
                    view,
                    name,
                    self.parameters.num_steps,
                    self.parameters.num_steps,
                    f"{name} did not change from step {former[0]} to {view.step} "
                    f"({self.parameters.num_steps} saved steps)",
                )
            self._steps[name] = [*former, view.step][1 - self.parameters.num_steps :]
        return None

    def _is_unchanged(self, view: StepView, name: str, former: list[int]) -> bool:
        import numpy as np

        chosen = self.parameters
        value = numbers_of(view, name)
        if value is None:
            return False
        self.judged += 1
        for step in reversed(former):
            before = numbers_of(view, name, step)
            if before is None or before.shape != value.shape:
                return False
            if not np.allclose(before, value, rtol=chosen.rtol, atol=chosen.atol, equal_nan=chosen.equal_nan):
                return False
        return True

    def save(self) -> dict[str, Any]:
        return {"steps": self._steps}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._steps = {name: list(steps) for name, steps in saved["steps"].items()}
