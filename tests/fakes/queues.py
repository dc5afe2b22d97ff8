"""A queue that keeps what was sent."""

from __future__ import annotations

from gridwatch.events.messages import Message


class FakeQueue:
    """`fifo`: asks for a deduplication id, and keeps one message for each."""

    def __init__(self, *, fifo: bool = False) -> None:
        self.fifo = fifo
        self.messages: list[Message] = []
        self.deduplication_ids: list[str] = []

    def send(self, message: Message, *, deduplication_id: str | None = None) -> None:
        if self.fifo:
            assert deduplication_id is not None, "a FIFO queue needs a deduplication id"
            if deduplication_id in self.deduplication_ids:
                return
            self.deduplication_ids.append(deduplication_id)
        self.messages.append(message)
