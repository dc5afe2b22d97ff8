"""Reads the environment, which nothing else does: settings are a frozen dataclass, the keys its upper-cased fields."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
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


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """The folder of a person's own for what can be made again: `gridwatch` in XDG_CACHE_HOME, else in `~/.cache`.

    Raises SettingsError where nothing says which folder is home.
    """
    named = inherited("XDG_CACHE_HOME", environment=environment).get("XDG_CACHE_HOME", "")
    try:
        # Relative paths are passed over, as the XDG Base Directory Specification asks.
        parent = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise SettingsError("no home folder is known here; set HOME or XDG_CACHE_HOME") from error
    return parent / "gridwatch"


def _convert(text: str, kind: type) -> object:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    return kind(text)
