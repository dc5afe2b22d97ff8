"""The queue as the code sees it. Implementations: `gridwatch.aws.queues.SqsQueue` and the tests' in-memory one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gridwatch.events.messages import Message


class MessageQueue(Protocol):
    def send(
        self,
        message: Message,
        *,
        deduplication_id: str | None = None,
        delay_seconds: int = 0,
    ) -> None:
        """Hand over one message.

        A FIFO queue needs `deduplication_id`: two sends with one id within five minutes are one message. A standard
        queue takes none and may deliver a message twice; it keeps one back for `delay_seconds`, at most 900.
        Raises TransientError when the queue cannot be reached.
        """
        ...

    def send_all(self, messages: Iterable[Message]) -> None:
        """Hand over many messages to a standard queue, as many in a request as the service takes.

        Raises TransientError when the queue did not take all of them: some may have been handed over.
        """
        ...
