"""`gridwatch redrive`: sends dead letters back to where they failed, once their cause is mended.

There are three kinds of dead letters: messages of our own queues, events that EventBridge could not hand to a target,
and invocations by EventBridge that kept failing. Each is sent back before it is deleted, so a command that dies repeats
and loses nothing; all functions ignore what they have done already.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console, print_rows
from gridwatch.cli.queries import JsonOption

_DEAD = "-dead"
_UNDELIVERED = "undelivered-events"
_FAILED = "failed-invocations"
_HIDDEN_SECONDS = 60  # while a letter is in our hands
_GROUP = "gridwatch"  # the one message group of a FIFO queue


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: `origin` is the name of its queue without prefix and `.fifo`."""

    origin: str
    body: str
    attributes: Mapping[str, str]
    message_id: str

    def reason(self) -> str:
        """Why the letter lies here, as far as it says so itself."""
        if self.origin == _UNDELIVERED:
            return f"{self.attributes.get('ERROR_CODE', '?')}: {self.attributes.get('ERROR_MESSAGE', '')}"
        if self.origin == _FAILED:
            payload = json.loads(self.body).get("responsePayload") or {}
            return f"{payload.get('errorType', '?')}: {payload.get('errorMessage', '')}"
        return "given up after its last delivery; the function's log says why"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a letter goes: into the queue of that name, or as the event of an invocation of that function."""

    payload: str
    queue: str | None = None
    function: str | None = None


class UnknownLetterError(ValueError):
    """A letter that does not say where it was going."""


def destination(letter: Letter, prefix: str) -> Destination:
    """Where a letter was going. Raises UnknownLetterError when it does not say so."""
    try:
        if letter.origin.endswith(_DEAD):
            return Destination(letter.body, queue=f"{prefix}-{letter.origin.removesuffix(_DEAD)}")
        if letter.origin == _FAILED:
            record = json.loads(letter.body)
            return Destination(json.dumps(record["requestPayload"]), function=_function(record))
        target = letter.attributes["TARGET_ARN"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownLetterError(f"{letter.message_id}: it does not say where it was to go ({error!r})") from error
    name = target.rpartition(":")[2].removesuffix(".fifo")
    return Destination(letter.body, queue=name) if ":sqs:" in target else Destination(letter.body, function=target)


def _function(record: Mapping[str, Any]) -> str:
    """The function in arn:…:function:<name>:<version>; the version is ignored."""
    arn: str = record["requestContext"]["functionArn"]
    return arn.removesuffix(":$LATEST")


class DeadLetters:
    """The dead letters of one deployment."""

    def __init__(self, sqs: Any, invoker: Any, prefix: str) -> None:
        self._sqs, self._lambda, self._prefix = sqs, invoker, prefix
        self._urls = {_name(url): url for url in self._all_urls()}

    def counts(self) -> Mapping[str, int]:
        """The number of letters in each queue, by the queue's name without the prefix."""
        return {self._short(name): self._count(url) for name, url in sorted(self._urls.items()) if self._is_dead(name)}

    def look(self, origin: str) -> Letter | None:
        """One of the letters, which stays where it is."""
        for letter, _ in self._receive(origin, hidden=0, most=1):
            return letter
        return None

    def redrive(self, origin: str) -> tuple[int, list[str]]:
        """Send letters back; returns how many went, and the reasons for those that could not. Letters that come
        meanwhile stay.
        """
        done, kept = 0, []
        for letter, receipt in self._receive(origin, hidden=_HIDDEN_SECONDS, most=self._count(self._url(origin))):
            try:
                self._send(destination(letter, self._prefix), letter)
            except UnknownLetterError as error:
                kept.append(str(error))
                continue
            self._sqs.delete_message(QueueUrl=self._url(origin), ReceiptHandle=receipt)
            done += 1
        return done, kept

    def _send(self, to: Destination, letter: Letter) -> None:
        if to.function is not None:
            self._lambda.invoke(FunctionName=to.function, InvocationType="Event", Payload=to.payload)
            return
        url = self._urls.get(f"{to.queue}.fifo") or self._urls.get(str(to.queue))
        if url is None:
            raise UnknownLetterError(f"{letter.message_id}: there is no queue {to.queue}")
        # Redriven twice within five minutes it goes in once.
        fifo = {"MessageGroupId": _GROUP, "MessageDeduplicationId": f"redrive {letter.message_id}"}
        self._sqs.send_message(QueueUrl=url, MessageBody=to.payload, **(fifo if url.endswith(".fifo") else {}))

    def _receive(self, origin: str, *, hidden: int, most: int) -> Iterator[tuple[Letter, str]]:
        left = most
        while left > 0:
            found = self._sqs.receive_message(
                QueueUrl=self._url(origin),
                MaxNumberOfMessages=min(left, 10),
                VisibilityTimeout=hidden,
                MessageAttributeNames=["All"],
            ).get("Messages")
            if not found:
                return
            left -= len(found)
            for message in found:
                told = message.get("MessageAttributes", {})
                attributes = {name: value.get("StringValue", "") for name, value in told.items()}
                yield Letter(origin, message["Body"], attributes, message["MessageId"]), message["ReceiptHandle"]

    def _all_urls(self) -> list[str]:
        pages = self._sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{self._prefix}-")
        return [url for page in pages for url in page.get("QueueUrls", [])]

    def _url(self, origin: str) -> str:
        found = [url for name, url in self._urls.items() if self._is_dead(name) and self._short(name) == origin]
        if not found:
            raise CliError(f"there are no dead letters {origin!r}; there are: {', '.join(self.counts())}")
        return found[0]

    def _count(self, url: str) -> int:
        asked = ["ApproximateNumberOfMessages"]
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)
        return int(answer["Attributes"][asked[0]])

    def _is_dead(self, name: str) -> bool:
        short = self._short(name)
        return short.endswith(_DEAD) or short in (_UNDELIVERED, _FAILED)

    def _short(self, name: str) -> str:
        return name.removeprefix(f"{self._prefix}-").removesuffix(".fifo")


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def redrive(
    context: typer.Context,
    queues: Annotated[list[str] | None, typer.Argument(help="Of these alone, by their names in the list.")] = None,
    *,
    go: Annotated[bool, typer.Option("--go", help="Send them back; without it they are only counted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Count what could not be done and waits for a person, or have it done again."""
    cloud = cloud_of(context)
    letters = DeadLetters(cloud.session.sqs, cloud.session.client("lambda"), cloud.deployment.name_prefix)
    counts = letters.counts()
    chosen = queues or list(counts)
    if unknown := [name for name in chosen if name not in counts]:
        raise CliError(f"there are no dead letters {', '.join(unknown)}; there are: {', '.join(counts)}")
    if not go:
        rows = [{"queue": name, "letters": counts[name], "reason": _sample(letters, name, counts)} for name in chosen]
        print_rows(["queue", "letters", "reason"], rows, as_json=as_json, empty="nothing")
        return
    kept: list[str] = []
    rows = []
    for name in chosen:
        done, left = letters.redrive(name)
        kept += left
        rows.append({"queue": name, "redriven": done, "kept": len(left)})
    print_rows(["queue", "redriven", "kept"], rows, as_json=as_json, empty="nothing")
    for line in kept:
        console(stderr=True).print(line, markup=False)
    if kept:
        raise CliError(f"{len(kept)} letters stay where they are: nobody knows where they were to go")


def _sample(letters: DeadLetters, name: str, counts: Mapping[str, int]) -> str | None:
    """Why the first of the letters lies there."""
    letter = letters.look(name) if counts[name] else None
    return letter.reason() if letter else None
