"""The messages that Lambda hands over from an SQS queue, and the partial answer, after which only failed ones come
again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class QueuedBody:
    """One message: an event that EventBridge put there, or a message of ours."""

    message_id: str
    text: str
    receipt: str = ""  # by which this delivery of it can be hidden for longer
    deliveries: int = 1  # how often it was delivered, this time included
    sent_at: datetime | None = None

    def parsed(self) -> Mapping[str, Any]:
        """The body's JSON. Raises ValueError when it is no JSON object."""
        try:
            body = json.loads(self.text)
        except RecursionError as error:
            raise ValueError(f"message {self.message_id} is nested too deeply") from error
        if not isinstance(body, dict):
            raise ValueError(f"message {self.message_id} holds no JSON object")
        return body


def queued_bodies(event: Mapping[str, Any]) -> list[QueuedBody]:
    """The messages of the batch; an event that was not queued counts as one without an id."""
    if "Records" not in event:
        return [QueuedBody("", json.dumps(event))]
    return [
        QueuedBody(
            record["messageId"],
            record["body"],
            record.get("receiptHandle", ""),
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
            _moment(record.get("attributes", {}).get("SentTimestamp")),
        )
        for record in event["Records"]
    ]


def _moment(milliseconds: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def partial_response(failed: Iterable[str]) -> dict[str, Any]:
    """Lambda's ReportBatchItemFailures: these messages stay in the queue, the others are done."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
