"""Follows a job's objective with the engine that evaluates rules: its last value and its best."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.parameters import flag, text
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.finding import Finding
    from gridwatch_rules.rules.view import StepView


def spellings(metric: str) -> tuple[str, ...]:
    """The names under which a metric may be saved: its own, and the hook's name for one such as SageMaker's
    `validation:error`.
    """
    return tuple(dict.fromkeys((metric, metric.replace(":", "-"))))


@dataclass(frozen=True, slots=True)
class ObjectiveSoFarParameters:
    metric: str | None = text(None, "the objective")
    maximize: bool = flag("whether it is better when higher", default=False)


class ObjectiveSoFar(Rule):
    """A rule that never fires. It follows one curve: the objective under the name, mode and worker of its first saved
    value.
    """

    name = "ObjectiveSoFar"
    summary = "follows the objective"
    Parameters = ObjectiveSoFarParameters
    parameters: ObjectiveSoFarParameters

    def __init__(self, parameters: ObjectiveSoFarParameters) -> None:
        super().__init__(parameters)
        self.fresh = False  # whether this call saw a value
        self.count = 0
        self.step = 0
        self.value = math.nan
        self.best: float | None = None  # the best of the finite values
        self.best_step: int | None = None
        self.at: float | None = None  # Unix time of the last value, by its container's clock
        self._curve: tuple[str, str, str] | None = None  # name, mode and worker of the curve

    def requirement(self) -> Requirement:
        names = "|".join(re.escape(name) for name in spellings(self.parameters.metric or ""))
        return Requirement(patterns=(f"^(?:{names})$",))

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            curve = (name, view.mode.name, view.worker_of(name) or "")
            value = view.scalar(name) if self._curve in (None, curve) else None
            if value is None:
                continue
            self._curve, self.count, self.step, self.value = curve, self.count + 1, view.step, value
            self.fresh = True
            logged_at = view.logged_at(name)
            self.at = logged_at.timestamp() if logged_at else None
            if math.isfinite(value) and (self.best is None or self._is_better(value, self.best)):
                self.best, self.best_step = value, view.step
        return None

    def _is_better(self, value: float, than: float) -> bool:
        return value > than if self.parameters.maximize else value < than

    def save(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "step": self.step,
            "value": self.value,
            "best": self.best,
            "best_step": self.best_step,
            "at": self.at,
            "curve": list(self._curve) if self._curve else None,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.count, self.step, self.value = int(saved["count"]), int(saved["step"]), float(saved["value"])
        self.best, self.best_step, self.at = saved["best"], saved["best_step"], saved["at"]
        name, mode, worker = saved["curve"] or ("", "", "")
        self._curve = (name, mode, worker) if name else None
