"""Conditions that people write at the command line: `eta>0.1`, `state=stopped`, `owner~ada`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.cli.errors import CliError
from gridwatch_rules.suggestions import closest

_CONDITION = re.compile(r"\s*(?P<name>[^=!<>~]+?)\s*(?P<operator>!=|>=|<=|=|>|<|~)\s*(?P<value>.*?)\s*")
_ORDERED: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a row by column; a row without the column never meets it."""

    name: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition in a text. Raises CliError when there is none."""
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise CliError(f"{text!r} is no condition: write name=value, or with !=, <, <=, >, >=, ~ (contains)")
        return cls(found["name"], found["operator"], found["value"])

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row meets the condition: numbers are compared as numbers, everything else as text regardless of
        case.
        """
        actual = row.get(self.name)
        if actual is None:
            return False
        if self.operator == "~":
            return self.value.lower() in str(actual).lower()
        wanted = _number(self.value)
        number = float(actual) if isinstance(actual, int | float) and not isinstance(actual, bool) else None
        if self.operator in _ORDERED:
            return number is not None and wanted is not None and _ORDERED[self.operator](number, wanted)
        same = number == wanted if number is not None and wanted is not None else _text(actual) == self.value.lower()
        return same == (self.operator == "=")


def matching(rows: Iterable[Mapping[str, Any]], conditions: Iterable[str]) -> list[Mapping[str, Any]]:
    """The rows that meet all of the conditions. Raises CliError for a condition on a column that no row has."""
    kept, parsed = list(rows), [Condition.parse(text) for text in conditions]
    known = {name for row in kept for name in row}
    for condition in parsed:
        if kept and condition.name not in known:
            meant = closest(condition.name, sorted(known))
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(sorted(known))}"
            raise CliError(f"nothing is called {condition.name!r} here; {hint}")
    return [row for row in kept if all(condition.holds(row) for condition in parsed)]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value).lower()
