"""WeightUpdateRatio: the weights are updated by too much or too little of their size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class WeightUpdateRatioParameters:
    num_steps: int | None = integer(None, "steps back to compare with; by default the step saved before", minimum=1)
    large_threshold: float = number(10.0, "the largest ratio that is no issue", minimum=0)
    small_threshold: float = number(1e-8, "the smallest ratio that is no issue", minimum=0)
    epsilon: float = number(1e-9, "added to the size of the weights, so that nothing is divided by zero", minimum=0)


class WeightUpdateRatio(Rule):
    """Fires when mean|w(s) - w(p)| / (mean|w(s)| + epsilon) of a tensor in `weights` leaves the two thresholds.

    p is the step saved before s, or with `num_steps` the earliest saved step that is at most `num_steps` before s (AWS
    advises to save every `num_steps` steps, when it is exactly that one). AWS does not document the norm; the mean of
    the absolute values is what its sibling rule for gradients uses. Steps of evaluation and prediction are left out:
    between them weights do not change. Source: SageMaker Developer Guide, "List of Debugger built-in rules",
    WeightUpdateRatio.
    """

    name = "WeightUpdateRatio"
    summary = "weights are updated by too much or too little of their size"
    collect = (Collect("weights", {"save_interval": "500"}),)
    Parameters = WeightUpdateRatioParameters
    parameters: WeightUpdateRatioParameters
    judged = 0

    def __init__(self, parameters: WeightUpdateRatioParameters) -> None:
        super().__init__(parameters)
        self._steps: dict[str, list[int]] = {}

    def requirement(self) -> Requirement:
        return Requirement(("weights",))

    def looks_for(self) -> str:
        back = self.parameters.num_steps
        apart = f" at most {back} steps apart" if back else ""
        return f"weights in {self.required.in_words}, saved whole at two steps of training{apart}"

    def check(self, view: StepView) -> Finding | None:
        if view.mode not in (Mode.TRAIN, Mode.GLOBAL):
            return None
        for name in view.names(self.required):
            if not view.has(name):
                continue
            former = self._reference(view, name)
            finding = self._compare(view, name, former) if former is not None else None
            if finding is not None:
                return finding
        return None

    def _reference(self, view: StepView, name: str) -> int | None:
        steps = self._steps.get(name, [])
        if self.parameters.num_steps is None:
            kept = steps[-1:]
        else:
            kept = [step for step in steps if step >= view.step - self.parameters.num_steps]
        self._steps[name] = [*(kept if self.parameters.num_steps is not None else ()), view.step]
        return kept[0] if kept else None

    def _compare(self, view: StepView, name: str, former: int) -> Finding | None:
        import numpy as np

        now, before = numbers_of(view, name), numbers_of(view, name, former)
        if now is None or before is None or now.shape != before.shape:
            return None
        self.judged += 1
        size = float(np.abs(now).mean()) + self.parameters.epsilon
        change = float(np.abs(now - before).mean())
        ratio = change / size if size else (float("inf") if change else 0.0)
        if ratio > self.parameters.large_threshold:
            side, limit = "above", self.parameters.large_threshold
        elif ratio < self.parameters.small_threshold:
            side, limit = "below", self.parameters.small_threshold
        else:
            return None
        return self.finding(
            view,
            name,
            ratio,
            limit,
            f"{name} changed by {ratio:.3g} times its size since step {former}, {side} {limit:g}",
        )

    def save(self) -> dict[str, Any]:
        return {"steps": self._steps}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._steps = {name: list(steps) for name, steps in saved["steps"].items()}
