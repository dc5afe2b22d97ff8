"""Expression: a rule written in the spec as one CEL expression over tensors and their reductions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.expressions import Condition, ExpressionError
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.expression_reach import Reachability
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of, reduced
from gridwatch_rules.rules.parameters import integer, names, patterns, text
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_REDUCTIONS = {
    f"{'abs_' if absolute else ''}{kind}": (kind, absolute)
    for kind in ("min", "max", "mean", "std", "variance", "sum", "prod", "l1", "l2")
    for absolute in (False, True)
}
_COUNTS = ("size", "zeros", "non_finite")
_SERIES = ("value", "previous", "first")
_OF_TENSORS = (*_SERIES, *_COUNTS, *_REDUCTIONS, "name")
_OF_STEPS = ("step", "mode", "mode_step", "scalars")


@dataclass(frozen=True, slots=True)
class ExpressionParameters:
    expression: str = text("", "when it is true the rule fires; CEL over the variables below", required=True)
    collection_names: tuple[str, ...] = names(("metrics", "losses"), "collections whose tensors are inspected")
    tensor_regex: tuple[str, ...] = patterns((), "inspect the tensors that one of these patterns is found in instead")
    patience: int = integer(1, "saved values in a row for which it must be true", minimum=1)
    message: str | None = text(None, "what to tell people; by default the expression")


class Expression(Rule):
    """Fires when `expression` is true for an inspected tensor `patience` times in a row.

    The expression is CEL (github.com/google/cel-spec). For each tensor saved at a step there are: `name`; `value`,
    `previous` and `first` (a scalar now, at its saved step before, at its first saved step); `size`, `zeros` (share),
    `non_finite` (count); each reduction by its name (`mean`, `abs_mean`, `min`, `max`, `std`, `variance`, `sum`,
    `prod`, `l1`, `l2`). For the step: `step`, `mode`, `mode_step`, and `scalars`, a map from the name of each inspected
    scalar to its value; an expression that uses only these is evaluated once a step. All numbers are doubles: write
    `1.1 * previous`. A tensor is passed over when something that the expression uses was not saved, or when the
    expression compares values that are not finite, which CEL cannot do: use `non_finite` for those.
    """

    name = "Expression"
    summary = "a CEL expression over tensors and reductions is true"
    Parameters = ExpressionParameters
    parameters: ExpressionParameters
    judged = 0

    def __init__(self, parameters: ExpressionParameters) -> None:
        super().__init__(parameters)
        self._condition = _compile(parameters.expression)
        self._reach = Reachability(self._condition)
        self._states: dict[str, dict[str, int]] = {}  # tensor -> first saved step, last saved step, times in a row

    def requirement(self) -> Requirement:
        if self.parameters.tensor_regex:
            return Requirement(patterns=self.parameters.tensor_regex)
        return Requirement(self.parameters.collection_names)

    def looks_for(self) -> str:
        keys = sorted(self._condition.keys("scalars"))
        scalars = f"the scalar{'s' if len(keys) > 1 else ''} {', '.join(keys)} at one step, among " if keys else ""
        patience = f", at {self.parameters.patience} steps" if self.parameters.patience > 1 else ""
        return f"what could make {self.parameters.expression!r} true: {scalars}{self.required.in_words}{patience}"

    def check(self, view: StepView) -> Finding | None:
        selected = view.names(self.required)
        if not selected:
            return None
        of_step: dict[str, Any] = {"step": view.step, "mode": view.mode.name, "mode_step": view.mode_step}
        if "scalars" in self._condition.names:
            found = {name: view.scalar(name) for name in selected}
            of_step["scalars"] = {name: value for name, value in found.items() if value is not None}
        for name in selected if self._condition.names.intersection(_OF_TENSORS) else [""]:
            finding = self._check_tensor(view, name, of_step)
            if finding is not None:
                return finding
        return None

    def _check_tensor(self, view: StepView, name: str, of_step: Mapping[str, Any]) -> Finding | None:
        state = self._states.setdefault(f"{view.mode.name}:{name}", {"first": view.step})
        variables: dict[str, Any] = {"name": name}
        for variable in self._condition.names.intersection(_OF_TENSORS).difference(("name",)):
            variables[variable] = _variable(view, name, variable, state)
        state["last"] = view.step
        answer = None if None in variables.values() else self._answer({**of_step, **variables})
        if answer is not None and not self.judged and self._reach.could_hold({**of_step, **variables}):
            state["reached"] = state.get("reached", 0) + 1
            self.judged += state["reached"] >= self.parameters.patience
        if not answer:
            state["in_a_row"] = 0
            return None
        state["in_a_row"] = state.get("in_a_row", 0) + 1
        if state["in_a_row"] < self.parameters.patience:
            return None
        return self._tell(view, name, variables)

    def _tell(self, view: StepView, name: str, variables: Mapping[str, Any]) -> Finding:
        values = [f"{key} = {value:.6g}" for key, value in sorted(variables.items()) if isinstance(value, float)]
        where = f" of {name}" if name else ""
        shown = f" ({', '.join(values)}{where})" if values else ""
        sentence = f"{self.parameters.message or self.parameters.expression}{shown}"
        observed = next((value for value in variables.values() if isinstance(value, float)), None)
        return self.finding(view, name or None, observed, None, sentence)

    def _answer(self, variables: Mapping[str, Any]) -> bool | None:
        """The expression's answer; None where it has none."""
        try:
            return self._condition.holds(variables)
        except KeyError:
            return None  # a scalar that was not saved at this step
        except ExpressionError as error:
            if any(isinstance(value, float) and not math.isfinite(value) for value in _flat(variables)):
                return None
            raise ValueError(f"{self.parameters.expression}: {error}") from error

    def save(self) -> dict[str, Any]:
        return {"states": self._states}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._states = {name: dict(state) for name, state in saved["states"].items()}


def _compile(expression: str) -> Condition:
    try:
        condition = Condition.compile(expression)
    except ExpressionError as error:
        raise RuleConfigurationError(f"Expression: {error}") from error
    unknown = sorted(condition.names.difference(_OF_TENSORS, _OF_STEPS))
    if unknown:
        allowed = ", ".join((*_OF_STEPS, *_OF_TENSORS))
        raise RuleConfigurationError(f"Expression: there is no variable {', '.join(unknown)}: allowed are {allowed}")
    _try(condition)
    return condition


def _try(condition: Condition) -> None:
    """Evaluate the condition once on values of the right types, so that a mistake is reported before a job runs."""
    variables: dict[str, Any] = {**dict.fromkeys((*_SERIES, *_COUNTS, *_REDUCTIONS), 1.0), "name": "a", "mode": "TRAIN"}
    try:
        condition.holds({**variables, "step": 1, "mode_step": 1, "scalars": {}})
    except KeyError:
        return  # names of scalars are not known beforehand
    except ExpressionError as error:
        raise RuleConfigurationError(f"Expression: {condition.text}: {error}") from error


def _variable(view: StepView, name: str, variable: str, state: Mapping[str, int]) -> float | None:
    if variable in _SERIES:
        step = {"value": view.step, "previous": state.get("last"), "first": state["first"]}[variable]
        return None if step is None else view.scalar(name, step)
    if variable in _REDUCTIONS:
        kind, absolute = _REDUCTIONS[variable]
        return reduced(view, name, kind, absolute=absolute)
    return _count(view, name, variable)


def _count(view: StepView, name: str, variable: str) -> float | None:
    import numpy as np

    values = numbers_of(view, name)
    if values is None:
        return None
    if variable == "size":
        return float(values.size)
    if variable == "zeros":
        return float(np.mean(values == 0))
    return float(np.count_nonzero(~np.isfinite(values)))


def _flat(variables: Mapping[str, Any]) -> list[Any]:
    return [*variables.values(), *variables.get("scalars", {}).values()]
