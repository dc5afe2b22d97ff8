"""A queue that keeps what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from gridwatch.events.messages import Message


class FakeQueue:
    """`fifo`: asks for a deduplication id, and keeps one message for each."""

    def __init__(self, *, fifo: bool = False) -> None:
        self.fifo = fifo
        self.messages: list[Message] = []
        self.deduplication_ids: list[str] = []
        self.delays: list[int] = []  # of every message that was sent
        self.requests = 0

    def send(self, message: Message, *, deduplication_id: str | None = None, delay_seconds: int = 0) -> None:
        self.requests += 1
        self._keep(message, deduplication_id, delay_seconds)

    def send_all(self, messages: Iterable[Message]) -> None:
        assert not self.fifo, "messages to a FIFO queue go one by one"
        left = iter(messages)
        while batch := list(islice(left, 10)):
            self.requests += 1
            for message in batch:
                self._keep(message, None, 0)

    def _keep(self, message: Message, deduplication_id: str | None, delay_seconds: int) -> None:
        assert 0 <= delay_seconds <= 900, "SQS keeps a message back for a quarter of an hour at most"
        if self.fifo:
            assert deduplication_id is not None, "a FIFO queue needs a deduplication id"
            if deduplication_id in self.deduplication_ids:
                return
            self.deduplication_ids.append(deduplication_id)
        self.messages.append(message)
        self.delays.append(delay_seconds)
