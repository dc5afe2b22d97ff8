"""Dead letters of all three kinds go back to where they were to go, through SQS and Lambda (moto)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.cli.errors import CliError
from gridwatch.cli.redrive import DeadLetters

REGION = "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:gridwatch-launch-grid"


class Invoker:
    """Lambda, as far as it is invoked."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def invoke(self, **request: str) -> None:
        assert request["InvocationType"] == "Event"
        self.events.append((request["FunctionName"], json.loads(request["Payload"])))


class World:
    def __init__(self) -> None:
        self.sqs = boto3.client("sqs", REGION)
        self.invoker = Invoker()
        self.urls = {name: self._queue(name) for name in (
            "start.fifo", "start-dead.fifo", "track", "track-dead", "undelivered-events", "failed-invocations"
        )}  # fmt: skip

    def _queue(self, name: str) -> str:
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
        return self.sqs.create_queue(QueueName=f"gridwatch-{name}", Attributes=attributes)["QueueUrl"]

    def letters(self) -> DeadLetters:
        return DeadLetters(self.sqs, self.invoker, "gridwatch")

    def put(self, name: str, body: object, **attributes: str) -> None:
        told = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
        fifo = {"MessageGroupId": "gridwatch"} if name.endswith(".fifo") else {}
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.urls[name], MessageBody=text, MessageAttributes=told, **fifo)

    def bodies(self, name: str) -> list[Any]:
        found = self.sqs.receive_message(QueueUrl=self.urls[name], MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield World()


def test_they_are_counted_where_they_lie(world: World) -> None:
    world.put("track-dead", {"a": 1})
    world.put("start-dead.fifo", {"type": "StartTrials"})
    assert world.letters().counts() == {
        "failed-invocations": 0, "start-dead": 1, "track-dead": 1, "undelivered-events": 0,
    }  # fmt: skip


def test_messages_go_back_into_their_queue_once(world: World) -> None:
    for number in range(13):
        world.put("track-dead", {"number": number})
    world.put("start-dead.fifo", {"type": "StartTrials"})
    letters = world.letters()
    assert letters.redrive("track-dead") == (13, [])
    assert letters.redrive("track-dead") == (0, [])
    assert letters.redrive("start-dead") == (1, [])
    assert sorted(body["number"] for _ in range(2) for body in world.bodies("track")) == list(range(13))
    assert world.bodies("start.fifo") == [{"type": "StartTrials"}]
    assert set(letters.counts().values()) == {0}


def test_events_go_to_the_target_that_did_not_get_them(world: World) -> None:
    event = {"source": "aws.sagemaker", "detail": {}}
    target = f"arn:aws:sqs:{REGION}:123456789012:gridwatch-track"
    world.put("undelivered-events", event, TARGET_ARN=target, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="no")
    world.put("undelivered-events", {"source": "aws.s3"}, TARGET_ARN=FUNCTION)
    letters = world.letters()
    seen = letters.look("undelivered-events")
    assert seen is not None
    assert seen.reason() == "NO_PERMISSIONS: no"
    assert letters.redrive("undelivered-events") == (2, [])
    assert world.bodies("track") == [event]
    assert world.invoker.events == [(FUNCTION, {"source": "aws.s3"})]


def test_failed_invocations_are_invoked_again(world: World) -> None:
    record = {
        "requestContext": {"functionArn": f"{FUNCTION}:$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": {"source": "aws.s3", "detail": {"object": {"key": "experiments/a.yaml"}}},
        "responsePayload": {"errorType": "TransientError", "errorMessage": "S3 is unwell"},
    }
    world.put("failed-invocations", record)
    seen = world.letters().look("failed-invocations")
    assert seen is not None
    assert seen.reason() == "TransientError: S3 is unwell"
    assert world.letters().redrive("failed-invocations") == (1, [])
    assert world.invoker.events == [(FUNCTION, record["requestPayload"])]


@pytest.mark.parametrize(
    ("queue", "body", "attributes"),
    [
        ("undelivered-events", {}, {}),
        ("undelivered-events", {}, {"TARGET_ARN": f"arn:aws:sqs:{REGION}:123456789012:of-somebody-else"}),
        ("failed-invocations", "no JSON", {}),
        ("failed-invocations", {"requestContext": {}}, {}),
    ],
)
def test_what_says_nothing_of_its_target_stays(
    world: World, queue: str, body: object, attributes: dict[str, str]
) -> None:
    world.put(queue, body, **attributes)
    done, kept = world.letters().redrive(queue)
    assert (done, len(kept)) == (0, 1)


def test_a_name_that_is_none_is_told_with_those_there_are(world: World) -> None:
    with pytest.raises(CliError, match="there are: failed-invocations, start-dead, track-dead, undelivered-events"):
        world.letters().redrive("nonsense")
