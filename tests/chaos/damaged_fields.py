"""Damage to single values of a record: each is valid JSON that a careless reader mistakes for the right value."""

from __future__ import annotations

import dataclasses
import json
import random
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

Item = dict[str, Any]
Path = tuple[Any, ...]

VALUES: tuple[Any, ...] = (
    None, [], {}, "", 0, -1, True, 2**63 - 1, -(2**63), 10**400, 1e308, -1e308, 5e-324, float("nan"), float("inf"),
    float("-inf"), "x" * 50_000, "quarantined", "\0", "\ud800", "\u202e", "9999-12-31T23:59:59.999999+00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00+00:00", "2026-11-20T09:00:00",
    [None], [[[]]], {"": None}, {"a": {"b": ["c"]}}, ["x"] * 10_000,
)  # fmt: skip


def paths(document: Any, above: Path = ()) -> Iterator[Path]:
    """The path of every value in the document; in lists only the first."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = list(enumerate(document[:1]))
    for key, value in inner:
        yield (*above, key)
        yield from paths(value, (*above, key))


def replaced(document: Any, path: Path, value: Any) -> Any:
    """A copy of the document with the value at that place."""
    copy = json.loads(json.dumps(document))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


def damaged(item: Item, chance: random.Random) -> tuple[Item, str]:
    """The item with one of its values replaced, and a description of the change. Keys stay: they find the item."""
    attributes = [name for name in item if name not in ("pk", "sk", "document", "packed", "gsi1pk")]
    if attributes and chance.random() < 0.1:
        name = chance.choice(attributes)
        value = chance.choice(["", "x", "\0", "9" * 30, "-1", "9999-12-31T23:59:59-14:00"])
        if value or name != "gsi1sk":
            return item | {name: {"S": value}}, f"attribute {name}={value!r:.30}"
    document = json.loads(item["document"]["S"])
    every = list(paths(document))
    if not every:
        return item | {"document": {"S": "7"}}, "7"
    first = [path for path in every if len(path) == 1]
    path = chance.choice(first if chance.random() < 0.6 else every)
    value = chance.choice(VALUES)
    text = json.dumps(replaced(document, path, value))
    return item | {"document": {"S": text}}, f"{'.'.join(map(str, path))}={value!r:.40}"


def filled(kind: Any, **known: Any) -> Any:
    """A record of the class with a value in every field."""
    hints = typing.get_type_hints(kind)
    return kind(
        **{
            field.name: known.get(field.name, _value(hints[field.name], field.name))
            for field in dataclasses.fields(kind)
        }
    )


def _value(hint: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _value(next(each for each in arguments if each is not type(None)), name)
    if origin is tuple:
        return (_value(arguments[0], name),)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _value(arguments[1], name)}
    if dataclasses.is_dataclass(hint):
        return filled(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    plain = {str: name, bool: False, int: 1, float: 1.0, datetime: datetime(2026, 11, 20, 9, tzinfo=UTC)}
    return plain.get(hint, name)
