"""MetricNonFinite: a metric is NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, names, patterns
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class MetricNonFiniteParameters:
    collection_names: tuple[str, ...] = names(("metrics", "losses"), "collections whose scalars are inspected")
    tensor_regex: tuple[str, ...] = patterns((), "patterns of the names of further scalars")
    patience: int = integer(1, "saved values in a row that must not be finite", minimum=1)


class MetricNonFinite(Rule):
    """Fires when a metric was NaN or infinite `patience` times in a row.

    The check of Keras' TerminateOnNaN callback (keras.io/api/callbacks/terminate_on_nan), for every metric and
    framework.
    """

    name = "MetricNonFinite"
    summary = "a metric is NaN or infinite"
    collect = (Collect("metrics"), Collect("losses"))
    Parameters = MetricNonFiniteParameters
    parameters: MetricNonFiniteParameters
    judged = 0

    def __init__(self, parameters: MetricNonFiniteParameters) -> None:
        super().__init__(parameters)
        self._in_a_row: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    @property
    def judges_each_value(self) -> bool:
        return self.parameters.patience == 1

    def requirement(self) -> Requirement:
        return Requirement(self.parameters.collection_names, self.parameters.tensor_regex)

    def looks_for(self) -> str:
        return f"a number in {self.required.in_words}, at {self.parameters.patience} or more steps"

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            value = view.scalar(name)
            if value is None:
                continue
            seen = self._seen[name] = self._seen.get(name, 0) + 1
            self.judged += seen >= self.parameters.patience
            if math.isfinite(value):
                self._in_a_row.pop(name, None)
                continue
            count = self._in_a_row[name] = self._in_a_row.get(name, 0) + 1
            if count >= self.parameters.patience:
                often = f" for {count} saved steps" if count > 1 else ""
                return self.finding(view, name, value, None, f"{name} is {value}{often}")
        return None

    def save(self) -> dict[str, Any]:
        return {"in_a_row": self._in_a_row, "seen": self._seen}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._in_a_row = dict(saved["in_a_row"])
        self._seen = dict(saved.get("seen", {}))
