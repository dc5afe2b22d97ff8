"""A bus and a topic that keep what was put there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


class FakeBus:
    """Implements `gridwatch.events.rule_status.EventBus`; `events` are as their consumers get them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        carried = json.loads(json.dumps(detail, allow_nan=False))
        self.events.append({"source": "gridwatch", "detail-type": detail_type, "detail": carried})

    def publish_all(self, detail_type: str, details: Sequence[Mapping[str, Any]]) -> None:
        for detail in details:
            self.publish(detail_type, detail)


class FakeTopic:
    """Implements `gridwatch.alerts.outbox.AlertTopic`; `messages` are subject, body and attributes."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, Mapping[str, str]]] = []

    def publish(self, subject: str, body: str, attributes: Mapping[str, str]) -> str:
        self.messages.append((subject, body, attributes))
        return f"message-{len(self.messages)}"
