"""Reads the environment, which nothing else does: settings are a frozen dataclass, the keys its upper-cased fields."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

S = TypeVar("S")


class SettingsError(Exception):
    """The environment lacks keys or has values that do not fit: a fault of the deployment, not of the event."""


def read_settings(settings: type[S], environment: Mapping[str, str] | None = None) -> S:
    """Fill the dataclass `settings` from `environment` (the process's own when None).

    Fields are `str`, `int`, `float` or `bool` ("true"/"false"); a field with a default may be absent.
    Raises SettingsError naming every key that is missing or wrong, not only the first.
    """
    source = os.environ if environment is None else environment
    types = get_type_hints(settings)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in fields(settings):  # type: ignore[arg-type]
        key = field.name.upper()
        if key not in source:
            if field.default is MISSING:
                problems.append(f"{key} is missing")
            continue
        try:
            values[field.name] = _convert(source[key], types[field.name])
        except ValueError:
            problems.append(f"{key}={source[key]!r} is not of type {types[field.name].__name__}")
    if problems:
        raise SettingsError(f"{settings.__module__}: " + "; ".join(problems))
    return settings(**values)


def inherited(*names: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The named variables of our own environment, as far as they are set: a process that we start gets no others."""
    source = os.environ if environment is None else environment
    return {name: source[name] for name in names if name in source}


def _convert(text: str, kind: type) -> object:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    return kind(text)
