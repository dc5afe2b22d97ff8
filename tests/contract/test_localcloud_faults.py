"""Faults that the local cloud injects on purpose: into calls of functions, and among events."""

import io
import json
import time
import urllib.error
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gridwatch.localcloud.faults import Fault, FaultError, FaultPlan, Faults
from tests.contract.localcloud_world import World, wait_for

# Does what it is told, without the SDK's retries, and says what came of it.
_FUNCTION = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, s3={"addressing_style": "path"})

def handler(event, context):
    client = boto3.client(event["service"], config=ONCE)
    try:
        getattr(client, event["operation"])(**event["arguments"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"
"""


class Faulty:
    """A function in the local cloud, and what goes wrong with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.url = f"{world.cloud.endpoint}/_localcloud/faults"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("told.py", _FUNCTION)
        world.client("lambda").create_function(
            FunctionName="told",
            Runtime="python3.11",
            Role=world.role,
            Handler="told.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=30,
        )
        self.queue = world.client("sqs").create_queue(QueueName="faults")["QueueUrl"]

    def steer(self, method: str, document: object = None) -> Any:
        body = json.dumps(document).encode()
        request = urllib.request.Request(self.url, data=body, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def always(self, operation: str, fault: Fault) -> None:
        self.steer("PUT", {"calls": [{"operation": operation, "fault": fault, "share": 1}]})

    def call(self, service: str, operation: str, **arguments: Any) -> Any:
        """What the function says; None when it died."""
        payload = json.dumps({"service": service, "operation": operation, "arguments": arguments})
        answer = self.world.client("lambda").invoke(FunctionName="told", Payload=payload)
        said = json.loads(answer["Payload"].read())
        return None if "FunctionError" in answer else said

    def send(self) -> Any:
        return self.call("sqs", "send_message", QueueUrl=self.queue, MessageBody="hello")

    def received(self) -> int:
        sqs, count = self.world.client("sqs"), 0
        while found := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            count += len(found)
        return count


@pytest.fixture(scope="module")
def faulty(world: World) -> Faulty:
    return Faulty(world)


@pytest.fixture(autouse=True)
def faultless(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "faulty" in request.fixturenames:
        request.getfixturevalue("faulty").steer("DELETE")


@pytest.mark.parametrize(
    ("fault", "answer", "sent"),
    [
        (Fault.THROTTLE, "ThrottlingException", 0),
        (Fault.FAIL, "InternalServerError", 0),
        (Fault.LOST, "InternalServerError", 1),
        (Fault.KILL, None, 0),
        (Fault.KILL_AFTER, None, 1),
        (Fault.DOUBLE, "done", 2),
    ],
)
def test_what_becomes_of_a_call(faulty: Faulty, fault: Fault, answer: str | None, sent: int) -> None:
    faulty.always("sqs:SendMessage", fault)
    assert faulty.send() == answer
    assert faulty.steer("GET") == {"injected": [{"operation": "sqs:SendMessage", "fault": fault, "count": 1}]}
    faulty.steer("DELETE")
    assert faulty.received() == sent
    assert faulty.send() == "done"
    assert faulty.received() == 1


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "codes"),
    [
        ("s3", "list_objects_v2", {"Bucket": "data"}, ("SlowDown", "InternalError")),
        ("sns", "list_topics", {}, ("Throttling", "InternalFailure")),
        ("dynamodb", "list_tables", {}, ("ProvisionedThroughputExceededException", "InternalServerError")),
        ("sagemaker", "list_training_jobs", {}, ("ThrottlingException", "InternalServerError")),
    ],
)
def test_refusals_are_worded_as_each_service_words_them(
    faulty: Faulty, service: str, operation: str, arguments: dict[str, str], codes: tuple[str, str]
) -> None:
    for fault, code in zip((Fault.THROTTLE, Fault.FAIL), codes, strict=True):
        faulty.always(f"{service}:*", fault)
        assert faulty.call(service, operation, **arguments) == code


def test_only_functions_suffer(faulty: Faulty) -> None:
    faulty.always("*", Fault.FAIL)
    faulty.world.client("sqs").send_message(QueueUrl=faulty.queue, MessageBody="by a person")
    assert faulty.received() == 1


def test_events_come_more_than_once_late_or_never(faulty: Faulty) -> None:
    world = faulty.world
    events, sqs = world.client("events"), world.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=faulty.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="faults", EventPattern=json.dumps({"source": ["faults"]}))
    events.put_targets(Rule="faults", Targets=[{"Id": "queue", "Arn": arn}])

    def put(count: int) -> None:
        for _ in range(count):
            events.put_events(Entries=[{"Source": "faults", "DetailType": "told", "Detail": "{}"}])

    faulty.steer("PUT", {"seed": 3, "events": {"copies": 3, "delay": 0.2}})
    put(20)
    time.sleep(0.5)
    counts = {each["fault"]: each["count"] for each in faulty.steer("GET")["injected"]}
    assert wait_for(faulty.received) == 20 + counts["copied"]
    assert counts["copied"] > 5

    faulty.steer("PUT", {"events": {"lost": 1}})
    put(3)
    time.sleep(0.2)
    assert faulty.received() == 0


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"call": []}, "faults: call unknown; there are calls, events, seed"),
        ({"calls": [{"operation": "*", "fault": "explode", "share": 1}]}, "calls[0].fault: 'explode' is none of"),
        ({"calls": [{"operation": "*", "fault": "fail"}]}, "calls[0]: share missing"),
        ({"calls": [{"operation": "*", "fault": "fail", "share": 7}]}, "calls[0].share: 7 is no share"),
        ({"events": {"copies": 0}}, "events.copies: at least 1"),
    ],
)
def test_what_describes_no_faults_is_refused(faulty: Faulty, document: object, said: str) -> None:
    with pytest.raises(FaultError) as refused:
        Faults.from_document(document)
    assert said in str(refused.value)
    with pytest.raises(urllib.error.HTTPError) as answer:
        faulty.steer("PUT", document)
    assert said in json.load(answer.value)["error"]


def test_the_same_seed_draws_the_same() -> None:
    faults = Faults.from_document(
        {"seed": 5, "calls": [{"operation": "s3:*", "fault": "fail", "share": 0.3}], "events": {"copies": 5}}
    )
    one, two = FaultPlan(faults), FaultPlan(faults)
    for plan in (one, two):
        assert plan.of_call("sns:Publish") is None
    drawn = [(one.of_call("s3:PUT"), len(one.of_event())) for _ in range(50)]
    assert drawn == [(two.of_call("s3:PUT"), len(two.of_event())) for _ in range(50)]
    assert 5 < Counter(fault for fault, _ in drawn)[Fault.FAIL] < 25
