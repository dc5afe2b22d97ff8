"""SQS in memory: visibility, receives, dead letters, FIFO groups, deduplication, by the template."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.errors import refused
from tests.simulation.stage import Stage

_REMEMBERED = 300.0  # seconds that a FIFO queue knows a deduplication id


@dataclass(slots=True)
class Message:
    """`excuses`: of each delivery that did not end well, whether something had been done to its invocation."""

    message_id: str
    body: str
    attributes: dict[str, Any]
    visible_at: float
    group: str | None = None
    poison: bool = False
    receives: int = 0
    excuses: list[bool] = field(default_factory=list)


@dataclass(slots=True)
class Queue:
    """`poll` is called when a message may have become visible."""

    name: str
    visibility: float = 30.0
    delay: float = 0.0
    most_receives: int | None = None
    dead_letters: Queue | None = None
    messages: list[Message] = field(default_factory=list)
    sent: int = 0  # in all
    seen: dict[str, float] = field(default_factory=dict)
    poll: Callable[[], None] = lambda: None

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")


class Sqs:
    def __init__(self, stage: Stage) -> None:
        self.queues: dict[str, Queue] = {}
        self._stage = stage
        self._ids = itertools.count(1)

    def put(
        self, queue: Queue, body: str, *, group: str | None = None, token: str | None = None, delay: float = 0.0,
        attributes: dict[str, Any] | None = None, poison: bool = False,
    ) -> str:  # fmt: skip
        """The new message's id."""
        number = f"{queue.name}-{next(self._ids)}"
        if queue.fifo:
            token = token or body  # the template asks for deduplication by content
            if self._stage.now - queue.seen.get(token, -_REMEMBERED) < _REMEMBERED:
                return number
            queue.seen[token] = self._stage.now
        wait = delay or queue.delay
        queue.sent += 1
        queue.messages.append(Message(number, body, attributes or {}, self._stage.now + wait, group, poison))
        self._stage.after(wait, queue.poll)
        return number

    def receive(self, queue: Queue, most: int) -> list[Message]:
        """Takes what is visible; what was taken too often goes to the dead letters."""
        taken: list[Message] = []
        for message in self._visible(queue):
            if len(taken) == most:
                break
            if queue.most_receives is not None and message.receives >= queue.most_receives:
                queue.messages.remove(message)
                assert queue.dead_letters is not None
                queue.dead_letters.messages.append(message)
                self._stage.tell(f"dead letter {message.message_id}: {message.body[:160]}")
                continue
            message.receives += 1
            message.visible_at = self._stage.now + queue.visibility
            self._stage.after(queue.visibility, queue.poll)
            taken.append(message)
        return taken

    def _visible(self, queue: Queue) -> Iterator[Message]:
        held = {each.group for each in queue.messages if each.group and each.visible_at > self._stage.now}
        for message in list(queue.messages):
            if message.visible_at <= self._stage.now and message.group not in held:
                yield message
                if message.group:
                    held.add(message.group)

    # What clients ask for -------------------------------------------------------------------------------------------

    def send_message(self, *, QueueUrl: str, MessageBody: str, **request: Any) -> dict[str, Any]:
        number = self.put(
            self._of(QueueUrl), MessageBody, group=request.get("MessageGroupId"),
            token=request.get("MessageDeduplicationId"), delay=float(request.get("DelaySeconds", 0)),
            attributes=request.get("MessageAttributes"),
        )  # fmt: skip
        return {"MessageId": number}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert 0 < len(Entries) <= 10, "SQS takes ten messages in a request"
        taken = [{"Id": each["Id"], **self.send_message(QueueUrl=QueueUrl, **_without_id(each))} for each in Entries]
        return {"Successful": taken, "Failed": []}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:
        queue = self._of(QueueUrl)
        for message in queue.messages:
            if message.message_id == ReceiptHandle:
                message.visible_at = self._stage.now + VisibilityTimeout
                self._stage.after(VisibilityTimeout, queue.poll)
        return {}

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:
        taken = self.receive(self._of(QueueUrl), MaxNumberOfMessages)
        return {
            "Messages": [
                {
                    "MessageId": each.message_id,
                    "ReceiptHandle": each.message_id,
                    "Body": each.body,
                    "MessageAttributes": each.attributes,
                }
                for each in taken
            ]
        }

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:
        queue = self._of(QueueUrl)
        queue.messages = [each for each in queue.messages if each.message_id != ReceiptHandle]
        return {}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        del AttributeNames
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self._of(QueueUrl).messages))}}

    def list_queues(self, *, QueueNamePrefix: str) -> dict[str, Any]:
        return {"QueueUrls": [url for url in self.queues if url.rpartition("/")[2].startswith(QueueNamePrefix)]}

    def _of(self, url: str) -> Queue:
        if url not in self.queues:
            raise refused("AWS.SimpleQueueService.NonExistentQueue", f"no queue {url}")
        return self.queues[url]


def _without_id(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "Id"}
