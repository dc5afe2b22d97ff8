"""Gridwatch's own events on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


class EventBridgeBus:
    """Implements `gridwatch.events.rule_status.EventBus`."""

    def __init__(self, name: str, events: Any = None) -> None:
        self._name = name
        self._events = events

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        # PutEvents answers 200 for entries that it dropped, so the answer is looked at.
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail, allow_nan=False),
        }
        with translated():
            answer = (self._events or client("events")).put_events(Entries=[entry])
        if answer.get("FailedEntryCount"):
            failure = answer["Entries"][0]
            code, message = failure.get("ErrorCode", ""), failure.get("ErrorMessage", "")
            kind = PermanentError if code in _REFUSED else ThrottledError if code == _THROTTLED else TransientError
            raise kind(f"the event was not taken: {message}", code=code)
