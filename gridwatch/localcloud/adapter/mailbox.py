"""The mailbox of the cloud: ``GET /_localcloud/mails`` returns every message of every SNS topic, as an e-mail
subscriber gets it.

Reading removes nothing: the reader names the number after which it wants mails, and the next reader finds the same
ones.
"""

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from ministack.services import sns

from gridwatch.localcloud import clock

_KEPT = 10_000
MAILS = "/_localcloud/mails"
Mail = dict[str, Any]


class Mailbox:
    """The last mails, numbered from 1."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._last = 0

    def install(self) -> None:
        """Keep every message that MiniStack hands to subscribers."""
        fan_out = sns._fanout

        def keep_and_fan_out(topic: str, message_id: str, message: str, subject: str, *more: Any, **named: Any) -> None:
            structure = named.get("message_structure", more[0] if more else "")
            attributes = named.get("message_attributes", more[1] if len(more) > 1 else None)
            self._keep(topic, message_id, _for_people(message, structure), subject, attributes or {})
            fan_out(topic, message_id, message, subject, *more, **named)

        sns._fanout = keep_and_fan_out

    def restore(self, mails: Sequence[Mail]) -> None:
        with self._lock:
            self._mails.extend(mails)
            self._last = max([self._last, *(mail["number"] for mail in mails)])

    def forget(self) -> None:
        with self._lock:
            self._mails.clear()

    def after(self, number: int, topic: str | None) -> list[Mail]:
        with self._lock:
            return [mail for mail in self._mails if mail["number"] > number and topic in (None, mail["topic"])]

    def as_json(self, query: str) -> bytes:
        """The mails that a query asks for: those ``after`` a number, those of one ``topic``."""
        asked = parse_qs(query)
        number = asked.get("after", ["0"])[0]
        mails = self.after(int(number) if number.isdigit() else 0, asked["topic"][0] if "topic" in asked else None)
        return json.dumps({"mails": mails}).encode()

    def _keep(self, topic: str, message_id: str, text: str, subject: str, attributes: Mapping[str, Any]) -> None:
        with self._lock:
            self._last += 1
            self._mails.append(
                {
                    "number": self._last,
                    "at": datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="seconds"),
                    "topic": topic,
                    "id": message_id,
                    "subject": subject or "",
                    "text": text,
                    "attributes": {name: _value(each) for name, each in attributes.items()},
                }
            )


def _for_people(message: str, structure: str) -> str:
    """The text for e-mail where a message has one for each protocol."""
    if structure != "json":
        return message
    document = json.loads(message)
    return str(document.get("email", document.get("default", "")))


def _value(attribute: Any) -> str:
    value = attribute.get("StringValue", attribute.get("Value", "")) if isinstance(attribute, Mapping) else attribute
    return str(value)
