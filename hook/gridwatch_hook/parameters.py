"""Reads one level of the configuration: string values under allowed keys, and errors that say what was found and what
is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ConfigError(Exception):
    """The configuration cannot be used; the message says where, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The keys and values of one level of the configuration; `where` names the level in errors."""

    where: str
    values: Mapping[str, Any]

    @classmethod
    def create(cls, where: str, values: Any, allowed: tuple[str, ...]) -> Parameters:
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where} must be an object, not {type(values).__name__}")
        for key in values:
            if key not in allowed:
                raise ConfigError(f"{where}: {key!r} is unknown; allowed are {', '.join(allowed)}")
        return cls(where, values)

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def text(self, key: str, default: str) -> str:
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        if str(value).strip().lower() not in ("true", "false"):
            raise self._wrong(key, "True or False")
        return str(value).strip().lower() == "true"

    def integer(self, key: str, default: int | None, *, at_least: int) -> int | None:
        value = self.values.get(key)
        if value is None:
            return default
        number = self._integer(key, value)
        if number < at_least:
            raise self._wrong(key, f"a whole number of at least {at_least}")
        return number

    def number(self, key: str, default: float | None, *, above: float | None = None) -> float | None:
        value = self.values.get(key)
        if value is None:
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._wrong(key, "a number") from None
        if not (number > above if above is not None else number >= 0):
            raise self._wrong(key, f"a number above {above:g}" if above is not None else "a number of at least 0")
        return number

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(key, default)
        if value not in allowed:
            raise self._wrong(key, " or ".join(allowed))
        return value

    def listed(self, key: str) -> tuple[str, ...]:
        """The value as a list, written with commas or as a JSON list of texts."""
        value = self.values.get(key)
        if value is None:
            return ()
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self._wrong(key, "text separated by commas")
        return tuple(item.strip() for item in items if item.strip())

    def patterns(self, key: str) -> tuple[str, ...]:
        """The value as regular expressions separated by commas. A comma within brackets belongs to its expression."""
        value = self.values.get(key)
        return _split_outside_brackets(value) if isinstance(value, str) else self.listed(key)

    def integers(self, key: str) -> tuple[int, ...]:
        value = self.values.get(key)
        items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
        return tuple(self._integer(key, item) for item in items if str(item).strip())

    def without_effect(self, key: str, why: str) -> ConfigError:
        """The error for a parameter that would have no effect."""
        return ConfigError(f"{self.where}: {key} is {self.values[key]!r}, but {why}")

    def _integer(self, key: str, value: Any) -> int:
        try:
            number = int(str(value).strip())
        except ValueError:
            raise self._wrong(key, "a whole number") from None
        if isinstance(value, bool):
            raise self._wrong(key, "a whole number")
        return number

    def _wrong(self, key: str, expected: str) -> ConfigError:
        return ConfigError(f"{self.where}: {key} is {self.values[key]!r}, but must be {expected}")


def _split_outside_brackets(text: str) -> tuple[str, ...]:
    parts, depth, escaped = [""], 0, False
    for character in text:
        if character == "," and depth == 0 and not escaped:
            parts.append("")
            continue
        if not escaped and character in "([{":
            depth += 1
        elif not escaped and character in ")]}":
            depth = max(0, depth - 1)
        escaped = character == "\\" and not escaped
        parts[-1] += character
    return tuple(part.strip() for part in parts if part.strip())
