"""Makes records of a table's items; one that cannot be read is told of and harms no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from gridwatch.aws.table import Item
from gridwatch.state.codec import from_json
from gridwatch.state.unreadable import Noted, UnreadableRecordError

R = TypeVar("R")


class RecordReader:
    """`noted` hears of every record that cannot be read, each time that somebody asks for it."""

    def __init__(self, noted: Noted) -> None:
        self._noted = noted

    def one(self, kind: type[R], item: Item) -> R:
        """Raises UnreadableRecordError."""
        try:
            return self._read(kind, item)
        except UnreadableRecordError as error:
            self._noted(error)
            raise

    def all(self, kind: type[R], items: Iterable[Item]) -> Iterator[R]:
        """Those that can be read."""
        for item in items:
            try:
                record = self._read(kind, item)
            except UnreadableRecordError as error:
                self._noted(error)
                continue
            yield record

    def attribute(self, item: Item, name: str) -> str:
        """Raises UnreadableRecordError when the item has none of that name."""
        if name not in item.attributes:
            self.refuse(item, f"it has no attribute {name!r}")
        return item.attributes[name]

    def number(self, item: Item, name: str) -> int:
        """Raises UnreadableRecordError when the attribute is not there, or is no number."""
        text = self.attribute(item, name)
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
            self.refuse(item, f"its {name} is {text[:_DIGITS]!r}, not a number")
        return int(text)

    def refuse(self, item: Item, reason: str) -> None:
        """Raises UnreadableRecordError."""
        error = UnreadableRecordError(place_of(item), reason)
        self._noted(error)
        raise error

    def _read(self, kind: type[R], item: Item) -> R:
        if item.flaw is not None:
            raise UnreadableRecordError(place_of(item), item.flaw)
        try:
            return from_json(kind, item.document)
        except ValueError as error:
            raise UnreadableRecordError(place_of(item), str(error)) from error


_DIGITS = 18


def place_of(item: Item) -> str:
    return f"{item.pk} {item.sk}"
