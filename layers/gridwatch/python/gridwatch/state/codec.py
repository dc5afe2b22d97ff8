"""Records as JSON documents and back, by their type annotations, so that no record needs a mapping of its own.

The table keeps these documents, and what is kept outlives the code that wrote it: a field that is added later needs a
default, and then documents without it are read as before; a field that is gone is passed over.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

R = TypeVar("R")

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(record: object) -> str:
    """The record, a dataclass, as JSON text. Times are ISO 8601; numbers that are not finite are {"float": "nan"}."""
    return json.dumps(_plain(record), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def decode(kind: type[R], text: str) -> R:
    """The record that `encode` wrote. Raises ValueError or TypeError when the text is not one."""
    record: R = _typed(kind, json.loads(text))
    return record


def _plain(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"a record holds a {type(value).__name__}: {value!r}")


def _typed(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _typed(next(each for each in get_args(kind) if each is not type(None)), value)
    if origin is tuple:
        return tuple(_typed(get_args(kind)[0], item) for item in value)
    if origin is not None:
        item = get_args(kind)[-1]
        return {key: _typed(item, each) for key, each in value.items()}
    if kind is datetime:
        return datetime.fromisoformat(value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _typed(hints[name], item) for name, item in value.items() if name in hints})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return _untyped(value)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _untyped(value: Any) -> Any:
    """A document inside a record: only numbers that are not finite need undoing."""
    if isinstance(value, dict):
        if len(value) == 1 and value.get("float") in _NOT_FINITE:
            return _NOT_FINITE[value["float"]]
        return {key: _untyped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_untyped(item) for item in value]
    return value
