"""Events go to EventBridge as many together as it takes, and none is lost without an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gridwatch.aws.event_bus import EventBridgeBus
from gridwatch_rules.failures import PermanentError, ThrottledError

DENIED, BUSY = "NotAuthorizedForSourceException", "ThrottlingException"


class Bus:
    """EventBridge with its own limits: 10 entries and 256 kB in a request. `refused`: codes by the text of a detail."""

    def __init__(self, refused: dict[str, str] | None = None) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.refused = refused or {}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        size = sum(len("".join(map(str, entry.values())).encode()) for entry in Entries)
        assert 0 < len(Entries) <= 10
        assert size <= 256 * 1024 or len(Entries) == 1
        self.requests.append(Entries)
        answers = [
            {"ErrorCode": code, "ErrorMessage": "no"} if (code := self._code(entry)) else {"EventId": "e"}
            for entry in Entries
        ]
        return {"FailedEntryCount": sum("ErrorCode" in each for each in answers), "Entries": answers}

    def _code(self, entry: dict[str, Any]) -> str | None:
        return self.refused.get(json.loads(entry["Detail"])["text"])


def texts(bus: Bus) -> list[str]:
    return [json.loads(entry["Detail"])["text"] for entries in bus.requests for entry in entries]


@pytest.mark.parametrize(("text", "requests"), [("short", 3), ("\u00fc" * 20_000, 13)])
def test_as_many_together_as_one_request_takes(text: str, requests: int) -> None:
    bus = Bus()
    EventBridgeBus("bus", bus).publish_all("type", [{"text": f"{number} {text}"} for number in range(25)])
    assert texts(bus) == [f"{number} {text}" for number in range(25)]
    assert len(bus.requests) == requests
    EventBridgeBus("bus", bus).publish_all("type", [])
    assert len(bus.requests) == requests


@pytest.mark.parametrize(("code", "error"), [(DENIED, PermanentError), (BUSY, ThrottledError)])
def test_one_that_is_not_taken_is_told_after_all_were_tried(code: str, error: type[Exception]) -> None:
    bus = Bus({"3": code, "14": code})
    with pytest.raises(error, match="the event was not taken: no, and 1 more of 25"):
        EventBridgeBus("bus", bus).publish_all("type", [{"text": str(number)} for number in range(25)])
    assert texts(bus) == [str(number) for number in range(25)]
    with pytest.raises(error, match=r"the event was not taken: no$"):
        EventBridgeBus("bus", bus).publish("type", {"text": "3"})
