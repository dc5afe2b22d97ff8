"""Makes records from a table's items; an item that cannot be read is reported and does not affect the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from gridwatch.aws.table import Item
from gridwatch.state.codec import from_json
from gridwatch.state.unreadable import Noted, UnreadableRecordError

R = TypeVar("R")


class RecordReader:
    """Makes records from items. `noted` is called for every record that cannot be read, each time that somebody asks
    for it.
    """

    def __init__(self, noted: Noted) -> None:
        self._noted = noted

    def one(self, kind: type[R], item: Item) -> R:
        """The item's record. Raises UnreadableRecordError."""
        try:
            return self._read(kind, item)
        except UnreadableRecordError as error:
            self._noted(error)
            raise

    def all(self, kind: type[R], items: Iterable[Item]) -> Iterator[R]:
        """The records of those items that can be read."""
        for item in items:
            try:
                record = self._read(kind, item)
            except UnreadableRecordError as error:
                self._noted(error)
                continue
            yield record

    def attribute(self, item: Item, name: str) -> str:
        """The attribute of that name. Raises UnreadableRecordError when the item has none."""
        if name not in item.attributes:
            self.refuse(item, f"it has no attribute {name!r}")
        return item.attributes[name]

    def number(self, item: Item, name: str) -> int:
        """The attribute as a number. Raises UnreadableRecordError when it is missing or no number."""
        text = self.attribute(item, name)
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
            self.refuse(item, f"its {name} is {text[:_DIGITS]!r}, not a number")
        return int(text)

    def refuse(self, item: Item, reason: str) -> None:
        """Report the item as unreadable. Raises UnreadableRecordError."""
        error = UnreadableRecordError(place_of(item), reason)
        self._noted(error)
        raise error

    def _read(self, kind: type[R], item: Item) -> R:
        if item.flaw is not None:
            raise UnreadableRecordError(place_of(item), item.flaw)
        try:
            record = from_json(kind, item.document)
        except ValueError as error:
            raise UnreadableRecordError(place_of(item), str(error)) from error
        if (flaw := _contradiction(record, item)) is not None:
            raise UnreadableRecordError(place_of(item), flaw)
        return record


_DIGITS = 18
# What the parts of a key name, by the word before the first "#".
_NAMED = {
    "experiment": "experiment", "job": "job_name", "alert": "alert_id", "gate": "gate_id", "reports": "log",
    "trial": "trial_id", "current": "trial_id", "tuning": "name", "rule": "rule_name", "reaction": "rule_name",
}  # fmt: skip


def _contradiction(record: object, item: Item) -> str | None:
    """What the record says otherwise than its item; None where they agree. Such a record would be written to another
    place, over another's, or never again, because its version is not the one that is stored.
    """
    for key in (item.pk, item.sk, item.second_index[0] if item.second_index else ""):
        word, _, name = key.partition("#")
        field = _NAMED.get(word)
        if field == "experiment" and not hasattr(record, field):
            field = "name"
        said = getattr(record, field, None) if field and name else None
        if said and said != name:
            return f"its {field} is {said[:_SHOWN]!r}, and its key names {name!r}"
    version = getattr(record, "version", None)
    if version is not None and str(version) != item.attributes.get("version"):
        return f"its version is {version}, and beside it stands {item.attributes.get('version', '')[:_SHOWN]!r}"
    return None


_SHOWN = 60


def place_of(item: Item) -> str:
    return f"{item.pk} {item.sk}"
