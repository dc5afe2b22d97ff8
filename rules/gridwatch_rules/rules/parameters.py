"""Parameters of rules. Each is declared once, on a frozen dataclass, with its default, meaning and limits.

Values may be typed or Debugger's strings ("0.5", "True", "metrics,losses"). This module does not need numpy.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from gridwatch_rules.patterns import compile_patterns
from gridwatch_rules.rules.errors import RuleConfigurationError

P = TypeVar("P")


class Kind(StrEnum):
    NUMBER = "number"
    INTEGER = "integer"
    FLAG = "True or False"
    TEXT = "text"
    NAMES = "names separated by commas"
    PATTERNS = "regular expressions separated by commas"
    NUMBERS = "numbers separated by commas"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter. `minimum` and `maximum` are inclusive; empty `choices` allow any value."""

    name: str
    kind: Kind
    default: Any
    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False

    def parse(self, value: object) -> Any:
        """Convert a value to its type. Raises RuleConfigurationError saying what is allowed."""
        if value is None or (isinstance(value, str) and value.strip() in ("", "None") and self.default is None):
            return self._absent()
        try:
            parsed = self._choice(value) if self.choices else _PARSERS[self.kind](value)
            self._check(parsed)
        except (ValueError, TypeError, re.error) as error:
            raise RuleConfigurationError(f"{self.name} = {value!r}: {error}; allowed is {self.allowed}") from error
        return parsed

    def _absent(self) -> Any:
        if self.required:
            raise RuleConfigurationError(f"{self.name} is required: {self.meaning}")
        return self.default

    def _choice(self, value: object) -> str:
        # Debugger's own spellings are accepted: "EVAL", "eval", "modes.EVAL".
        word = _text(value).rpartition(".")[2].casefold()
        for choice in self.choices:
            if choice.casefold() == word:
                return choice
        raise ValueError("not one of the choices")

    def _check(self, parsed: Any) -> None:
        for number in parsed if isinstance(parsed, tuple) else (parsed,):
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                if self.minimum is not None and number < self.minimum:
                    raise ValueError("too small")
                if self.maximum is not None and number > self.maximum:
                    raise ValueError("too large")

    @property
    def allowed(self) -> str:
        """A text for people that says which values are allowed."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        limits = []
        if self.minimum is not None:
            limits.append(f"at least {self.minimum:g}")
        if self.maximum is not None:
            limits.append(f"at most {self.maximum:g}")
        return " ".join([str(self.kind.value), " and ".join(limits)]).strip()


def declare(
    kind: Kind,
    default: Any,
    meaning: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    required: bool = False,
) -> Any:
    """Declare a rule's parameter as a dataclass field."""
    parameter = Parameter("", kind, default, meaning, minimum, maximum, choices, required)
    return dataclasses.field(default=default, metadata={"parameter": parameter})


def number(default: float | None, meaning: str, **limits: Any) -> Any:
    return declare(Kind.NUMBER, default, meaning, **limits)


def integer(default: int | None, meaning: str, **limits: Any) -> Any:
    return declare(Kind.INTEGER, default, meaning, **limits)


def flag(meaning: str, *, default: bool) -> Any:
    return declare(Kind.FLAG, default, meaning)


def text(default: str | None, meaning: str, **limits: Any) -> Any:
    return declare(Kind.TEXT, default, meaning, **limits)


def names(default: tuple[str, ...], meaning: str, **limits: Any) -> Any:
    return declare(Kind.NAMES, default, meaning, **limits)


def patterns(default: tuple[str, ...], meaning: str, **limits: Any) -> Any:
    return declare(Kind.PATTERNS, default, meaning, **limits)


def numbers(default: tuple[float, ...], meaning: str, **limits: Any) -> Any:
    return declare(Kind.NUMBERS, default, meaning, **limits)


def declared(parameters: type[Any]) -> tuple[Parameter, ...]:
    """The parameters declared on a dataclass, in order."""
    return tuple(
        dataclasses.replace(field.metadata["parameter"], name=field.name) for field in dataclasses.fields(parameters)
    )


def parse_parameters(rule: str, parameters: type[P], given: Mapping[str, object]) -> P:
    """Parse the given values as the rule's parameters. Parameters that are not given have their defaults.

    `rule_to_invoke`, which Debugger's configurations carry, is accepted. Raises RuleConfigurationError.
    """
    known = {parameter.name: parameter for parameter in declared(cast(type[Any], parameters))}
    wrong = sorted(name for name in given if name not in known and name != "rule_to_invoke")
    if wrong:
        allowed = ", ".join(known) or "none"
        raise RuleConfigurationError(f"{rule} has no parameter {', '.join(map(repr, wrong))}: allowed are {allowed}")
    try:
        return parameters(**{name: parameter.parse(given.get(name)) for name, parameter in known.items()})
    except RuleConfigurationError as error:
        raise RuleConfigurationError(f"{rule}: {error}") from error


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError("not a number")
    found = float(value)
    if math.isnan(found):
        raise ValueError("not a number")
    return found


def _integer(value: object) -> int:
    found = _number(value)
    if found != int(found):
        raise ValueError("not a whole number")
    return int(found)


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise ValueError("neither True nor False")


def _text(value: object) -> str:
    if not isinstance(value, (str, int, float)):
        raise TypeError("not a text")
    return str(value).strip()


def _names(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise TypeError("not a list of texts")
    return tuple(part.strip() for part in parts if part.strip())


def _patterns(value: object) -> tuple[str, ...]:
    # A comma inside a quantifier, {1,2}, belongs to the expression.
    parts = re.split(r",(?![^{]*\})", value) if isinstance(value, str) else value
    found = _names(parts)
    compile_patterns(found)
    return found


def _numbers(value: object) -> tuple[float, ...]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (_number(value),)
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        raise TypeError("not a list of numbers")
    return tuple(_number(part) for part in parts)


_PARSERS: dict[Kind, Callable[[object], Any]] = {
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.FLAG: _flag,
    Kind.TEXT: _text,
    Kind.NAMES: _names,
    Kind.PATTERNS: _patterns,
    Kind.NUMBERS: _numbers,
}
