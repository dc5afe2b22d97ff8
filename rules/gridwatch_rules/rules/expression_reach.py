"""Finds out whether an expression could have been true of a tensor at a step if the values had been different.

`step > 20 && value > 1.0` in a job of ten steps, `name == 'loss'` where no tensor has that name, `'auc' in scalars &&
scalars['auc'] < 0.5` where no auc was saved: each is false whatever the values are, so it says nothing of the training.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from gridwatch_rules.expressions import Condition, ExpressionError

# Names that an expression may use besides values. An expression without any of these judges wherever it has an answer.
_GATES = frozenset({"name", "mode", "step", "mode_step"})
_USUAL = (-1e9, -1.0, 0.0, 0.5, 1.0, 100.0, 1e9)
_MOST_TRIALS = 2_000
_MOST_STEPS = 500  # most steps that are tried one by one, for expressions with a remainder


class Reachability:
    """Tries an expression on other values. A result is kept for the same names and for steps between the same two
    numbers in the expression.
    """

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._gated = bool(condition.names & _GATES) or "scalars" in condition.names
        self._numbers = sorted(condition.numbers)
        self._values = _values(self._numbers)
        self._known: dict[Any, bool] = {}

    def could_hold(self, variables: Mapping[str, Any]) -> bool:
        """Whether other values could make the expression true. In `variables` all numbers but the steps, and the
        scalars' values, are replaced.
        """
        if not self._gated:
            return True
        key = self._key(variables)
        if key not in self._known:
            self._known[key] = any(self._holds(each) for each in self._variants(variables))
        return self._known[key]

    def _key(self, variables: Mapping[str, Any]) -> Any:
        steps = [self._place(variables[name]) for name in ("step", "mode_step") if name in self._condition.names]
        return variables.get("name"), variables["mode"], tuple(sorted(variables.get("scalars", ()))), *steps

    def _place(self, step: int) -> tuple[int, int, int]:
        """The position of the step among the numbers in the expression."""
        single = step if "%" in self._condition.text and step < _MOST_STEPS else 0
        return bisect_left(self._numbers, step), bisect_right(self._numbers, step), single

    def _variants(self, variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        numbers = [name for name, value in variables.items() if isinstance(value, float)]
        scalars = sorted(variables.get("scalars", ()))
        named = [name for name in scalars if name in self._condition.keys("scalars")]
        others = [name for name in scalars if name not in named]
        free = [*numbers, *named]
        yield dict(variables)
        choices = itertools.product(self._values, repeat=len(free) + bool(others))
        for values in itertools.islice(choices, _MOST_TRIALS):
            given = dict(zip([*free, None][: len(values)], values, strict=True))
            rest = given.get(None, 0.0)
            of_scalars = {name: given.get(name, rest) for name in scalars}
            replaced = {name: given[name] for name in numbers}
            yield {**variables, **replaced, **({"scalars": of_scalars} if scalars else {})}

    def _holds(self, variables: Mapping[str, Any]) -> bool:
        try:
            return self._condition.holds(variables)
        except (KeyError, ExpressionError):
            return False


def _values(numbers: list[float]) -> list[float]:
    """Values to try: the numbers in the expression, values between and beside them, and some common ones, extremes
    first.
    """
    between = [(one + other) / 2 for one, other in itertools.pairwise(numbers)]
    beside = [number + shift for number in numbers for shift in (-1e-6 - abs(number) / 100, 1e-6 + abs(number) / 100)]
    every = sorted({*numbers, *between, *beside, *_USUAL})
    return [each for pair in zip(every, reversed(every), strict=True) for each in pair][: len(every)]
