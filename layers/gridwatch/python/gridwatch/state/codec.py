"""Records as JSON and back.

Unknown keys are passed over and missing ones take the field's default, so that neighbouring versions of Gridwatch read
each other's records: a new field needs a default, an old one is never given another meaning.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar

R = TypeVar("R")


def moment_text(moment: datetime) -> str:
    """UTC in a fixed width, so that texts sort as the moments do. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def to_json(record: Any) -> str:
    """The record as a JSON object. Floats keep every bit; what is not finite is written as Python's json does."""
    return json.dumps(to_document(record), ensure_ascii=False, separators=(",", ":"))


def from_json(kind: type[R], text: str) -> R:
    """The record of that class. Raises ValueError when `text` holds none, naming what is missing."""
    return from_document(kind, json.loads(text))


def to_document(record: Any) -> Any:
    """The record as plain values that JSON knows."""
    return _plain(record)


def from_document(kind: type[R], document: Mapping[str, Any]) -> R:
    """The record that `to_document` made plain. Raises ValueError when something is missing, naming it."""
    restored: R = _restored(kind, document)
    return restored


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _restored(kind: Any, document: Mapping[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, convert, optional in _converters(kind):
        if name in document:
            values[name] = convert(document[name])
        elif not optional:
            raise ValueError(f"a {kind.__name__} without {name!r}")
    return kind(**values)


@cache
def _converters(kind: Any) -> tuple[tuple[str, Callable[[Any], Any], bool], ...]:
    """Of each field its name, what makes its value from JSON, and whether it may be absent."""
    hints = typing.get_type_hints(kind)
    return tuple(
        (
            field.name,
            _converter(hints[field.name]),
            field.default is not MISSING or field.default_factory is not MISSING,
        )
        for field in fields(kind)
    )


def _converter(hint: Any) -> Callable[[Any], Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not types.NoneType]
        if len(inner) > 1:  # of values that JSON tells apart by itself, as numbers and texts
            return lambda value: value
        convert = _converter(inner[0])
        return lambda value: None if value is None else convert(value)
    if origin is tuple:
        convert = _converter(arguments[0])
        return lambda value: tuple(convert(each) for each in value)
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: _restored(hint, value)
    if isinstance(hint, type) and issubclass(hint, datetime):
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return lambda value: value
