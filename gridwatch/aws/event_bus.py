"""Gridwatch's own events on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.events.rule_status import SOURCE
from gridwatch_rules.failures import PermanentError, ThrottledError, TransientError

# Codes of entries that the bus did not take (API reference, PutEventsResultEntry); others may pass by themselves.
_THROTTLED = "ThrottlingException"
_REFUSED = (
    "MalformedDetail",
    "NotAuthorizedForSourceException",
    "InvalidArgument",
    "NotAuthorizedForDetailTypeException",
)
# PutEvents takes 10 entries and 256 kB: the details, their types and sources.
_ENTRIES_AT_ONCE = 10
_BYTES_AT_ONCE = 256 * 1024
_AROUND = 100


class EventBridgeBus:
    """Implements `gridwatch.events.rule_status.EventBus`."""

    def __init__(self, name: str, events: Any = None) -> None:
        self._name = name
        self._events = events

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        self.publish_all(detail_type, [detail])

    def publish_all(self, detail_type: str, details: Sequence[Mapping[str, Any]]) -> None:
        failures = [each for batch in _batches(map(_encoded, details)) for each in self._put(detail_type, batch)]
        if failures:
            code, message = failures[0].get("ErrorCode", ""), failures[0].get("ErrorMessage", "")
            kind = PermanentError if code in _REFUSED else ThrottledError if code == _THROTTLED else TransientError
            more = f", and {len(failures) - 1} more of {len(details)}" if len(failures) > 1 else ""
            raise kind(f"the event was not taken: {message}{more}", code=code)

    def _put(self, detail_type: str, batch: Sequence[str]) -> list[Mapping[str, Any]]:
        """The answers for those entries of a request that the bus did not take: it answers 200 all the same."""
        entries = [
            {"EventBusName": self._name, "Source": SOURCE, "DetailType": detail_type, "Detail": detail}
            for detail in batch
        ]
        with translated():
            answer = (self._events or client("events")).put_events(Entries=entries)
        return [each for each in answer["Entries"] if each.get("ErrorCode")] if answer.get("FailedEntryCount") else []


def _encoded(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, allow_nan=False)


def _batches(details: Iterable[str]) -> Iterator[list[str]]:
    """The details in order, as many together as one request takes."""
    batch: list[str] = []
    size = 0
    for detail in details:
        length = len(detail) + _AROUND  # json.dumps writes ASCII
        if batch and (len(batch) == _ENTRIES_AT_ONCE or size + length > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(detail)
        size += length
    if batch:
        yield batch
