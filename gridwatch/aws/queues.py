"""Gridwatch's queues on SQS."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.events.messages import Message, to_body
from gridwatch_rules.failures import PermanentError, TransientError

AT_ONCE = 10  # messages of one request, 256 kB together: ours have some hundred bytes each


class SqsQueue:
    """Implements `gridwatch.events.queue.MessageQueue`. FIFO queues have one message group: one message at a time."""

    def __init__(self, url: str, sqs: Any = None) -> None:
        self._url = url
        self._sqs = sqs

    def send(
        self,
        message: Message,
        *,
        deduplication_id: str | None = None,
        delay_seconds: int = 0,
    ) -> None:
        request: dict[str, Any] = {"QueueUrl": self._url, "MessageBody": to_body(message)}
        if self._url.endswith(".fifo"):
            if deduplication_id is None:
                raise ValueError(f"a message to the FIFO queue {self._url} needs a deduplication id")
            # SQS takes 128 characters of a narrow alphabet; ids of ours hold keys and names of any kind.
            digest = hashlib.sha256(deduplication_id.encode()).hexdigest()
            request |= {"MessageGroupId": "gridwatch", "MessageDeduplicationId": digest}
        if delay_seconds:
            request["DelaySeconds"] = delay_seconds
        with translated():
            (self._sqs or client("sqs")).send_message(**request)

    def send_all(self, messages: Iterable[Message]) -> None:
        if self._url.endswith(".fifo"):
            raise ValueError(f"messages to the FIFO queue {self._url} go one by one, each with its deduplication id")
        bodies = map(to_body, messages)
        while batch := list(islice(bodies, AT_ONCE)):
            self._send_batch(batch)

    def _send_batch(self, bodies: list[str]) -> None:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        with translated():
            answer = (self._sqs or client("sqs")).send_message_batch(QueueUrl=self._url, Entries=entries)
        failed = answer.get("Failed", [])
        if failed:
            code, message = failed[0].get("Code", ""), failed[0].get("Message", "")
            kind = PermanentError if failed[0].get("SenderFault") else TransientError
            raise kind(f"{len(failed)} of {len(bodies)} messages were not taken: {message}", code=code)

    def hide(self, receipt: str, seconds: int) -> None:
        """Keep the message of that delivery away for so long from now, at most twelve hours after it was received."""
        with translated():
            (self._sqs or client("sqs")).change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
