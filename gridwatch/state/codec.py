"""Converts records to JSON and back.

Unknown keys are ignored and missing ones take the field's default, so that neighbouring versions of Gridwatch read each
other's records: a new field needs a default, and an old one never changes its meaning.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from gridwatch.domain.measured import Within

R = TypeVar("R")


def moment_text(moment: datetime) -> str:
    """The time in UTC in a fixed width, so that texts sort as the times do. Raises ValueError for a time without a
    zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def to_json(record: Any) -> str:
    """The record as a JSON object. Floats keep every bit; values that are not finite are written as Python's
    json does.
    """
    return json.dumps(to_document(record), ensure_ascii=False, separators=(",", ":"))


def from_json(kind: type[R], text: str) -> R:
    """The record of that class. Raises ValueError when `text` holds none, naming what is missing or wrong."""
    try:
        document = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            _require_letters(document)
        return from_document(kind, document)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _require_letters(document: Any) -> None:
    """Raise ValueError for lone surrogates, which JSON can express and nothing can write again."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has halves of letters") from error


def to_document(record: Any) -> Any:
    """The record as plain values that JSON has."""
    return _plain(record)


def from_document(kind: type[R], document: Mapping[str, Any]) -> R:
    """The record from the plain values that `to_document` made. Raises ValueError naming what is missing or has another
    type.
    """
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


def _restored(kind: Any, document: Any) -> Any:
    if not isinstance(document, Mapping):
        raise ValueError(f"a {kind.__name__} is a JSON object, not {_shown(document)}")
    values: dict[str, Any] = {}
    for name, convert, optional in _converters(kind):
        if name in document:
            try:
                values[name] = convert(document[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        elif not optional:
            raise ValueError(f"a {kind.__name__} without {name!r}")
    return kind(**values)


@cache
def _converters(kind: Any) -> tuple[tuple[str, Callable[[Any], Any], bool], ...]:
    """The fields of a record class: name, converter from JSON, and whether it may be absent."""
    hints = typing.get_type_hints(kind, include_extras=True)
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
    if origin is typing.Annotated:
        return _within(_converter(arguments[0]), arguments[1])
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not types.NoneType]
        if len(inner) > 1:  # of values that JSON tells apart by itself, as numbers and texts
            return lambda value: value
        convert = _converter(inner[0])
        return lambda value: None if value is None else convert(value)
    if origin is tuple:
        return _all_of(_converter(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(_converter(arguments[1]))
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: _restored(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    return _PLAIN.get(hint, lambda value: value)


def _all_of(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def converted(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"a list is needed, not {_shown(value)}")
        return tuple(convert(each) for each in value)

    return converted


def _mapping(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def converted(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(f"a JSON object is needed, not {_shown(value)}")
        return {key: convert(each) for key, each in value.items()}

    return converted


def _enum(kind: type[Enum]) -> Callable[[Any], Any]:
    """The enum's member. Raises ValueError for a value that a newer version may know."""

    def converted(value: Any) -> Enum:
        try:
            return kind(value)
        except (ValueError, TypeError) as error:  # a list cannot be looked up
            raise ValueError(f"{_shown(value)} is no {kind.__name__} that this version knows") from error

    return converted


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is needed, not {_shown(value)}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false is needed, not {_shown(value)}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a number is needed, not {_shown(value)}")
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise ValueError(f"{_shown(value)} has more than 64 bits")
    return value


def _within(convert: Callable[[Any], Any], limit: Within) -> Callable[[Any], Any]:
    """The number. Raises ValueError for one that is not finite or beyond the limit."""

    def converted(value: Any) -> Any:
        found = convert(value)
        if not -limit.most <= found <= limit.most:  # nothing compares with what is no number
            raise ValueError(f"a number up to {limit.most:g} is needed, not {_shown(value)}")
        return found

    return converted


def _whole(value: Any) -> int:
    found = _number(value)
    if not math.isfinite(found) or int(found) != found:
        raise ValueError(f"a whole number is needed, not {_shown(value)}")
    return int(_number(int(found)))


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{_shown(value)} has no time zone")
    if not MINYEAR < moment.year < MAXYEAR:  # in another zone, or a minute later, it would be no time any more
        raise ValueError(f"nothing happened at {_shown(value)}")
    return moment


def _shown(value: Any) -> str:
    """The value, shortened for a log."""
    if isinstance(value, str | float | bool | None) or (isinstance(value, int) and abs(value) < _LARGEST):
        return f"{value!r:.60}"
    return f"a value of the kind {type(value).__name__}"


_LARGEST = 2**63
_PLAIN: dict[Any, Callable[[Any], Any]] = {str: _text, bool: _flag, int: _whole, float: _number, datetime: _moment}
