"""The deployment on its stage: services, queues, rules and schedules as the template has them, and the functions."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ministack.services import eventbridge

from gridwatch.storage.layout import tensor_prefix
from gridwatch_rules.tensors.scalars import ScalarStep, collections_file, scalar_files
from tests.simulation.blueprint import Blueprint
from tests.simulation.dynamodb import DynamoDB
from tests.simulation.environments import Environments
from tests.simulation.faults import Trouble
from tests.simulation.s3 import S3, Stored
from tests.simulation.sagemaker import Course, SageMaker
from tests.simulation.sqs import Message, Queue, Sqs
from tests.simulation.stage import Act, KilledError, Stage

METRIC = "validation-error"
_RETRY_AFTER = (60.0, 120.0)  # Lambda's asynchronous retries (developer guide, "Asynchronous invocation")
_COLD_START = 0.4


@dataclass(frozen=True, slots=True)
class Mail:
    topic: str
    subject: str
    message: str
    attributes: Mapping[str, str]


class Cloud:
    """The deployment on its stage. `inbox`: the messages that people got. `trouble` decides what goes wrong."""

    def __init__(
        self,
        blueprint: Blueprint,
        stage: Stage,
        trouble: Trouble,
        course_of: Callable[[Mapping[str, Any]], Course],
        *,
        quota: int,
    ) -> None:
        self.blueprint, self.stage, self.trouble = blueprint, stage, trouble
        self.inbox: list[Mail] = []
        self.invocations: Counter[str] = Counter()  # by function
        self.busy = 0  # invocations that are not over, or will be tried again
        self.dynamodb, self.sqs = DynamoDB(stage), Sqs(stage)
        self.s3 = S3(stage, self._object_created)
        self.sagemaker = SageMaker(stage, course_of, self._tensors, self._job_changed, quota=quota)
        self.services: Mapping[str, Any] = {
            "dynamodb": self.dynamodb, "sqs": self.sqs, "s3": self.s3, "sagemaker": self.sagemaker,
            "sns": self, "events": self, "lambda": self, "ecr": self, "logs": self,
        }  # fmt: skip
        self._environments = Environments(stage, trouble)
        self._running: dict[str, int] = {}  # by queue
        self._count = 0
        self._make_queues()
        for seconds, targets in blueprint.schedules:
            stage.every(seconds, partial(self._tick, targets))

    # What clients ask for beside the services with classes of their own ---------------------------------------------

    def publish(
        self, *, TopicArn: str, Subject: str, Message: str, MessageAttributes: Mapping[str, Any]
    ) -> dict[str, Any]:
        attributes = {name: each["StringValue"] for name, each in MessageAttributes.items()}
        self.inbox.append(Mail(TopicArn, Subject, Message, attributes))
        self.stage.tell(f"told: {Subject}")
        return {"MessageId": f"mail-{len(self.inbox)}"}

    def batch_get_image(
        self, *, registryId: str, repositoryName: str, imageIds: list[dict[str, str]]
    ) -> dict[str, Any]:
        digest = hashlib.sha256(f"{registryId}/{repositoryName}".encode()).hexdigest()
        return {"images": [{"imageId": {**imageIds[0], "imageDigest": f"sha256:{digest}"}}], "failures": []}

    def describe_log_streams(self, *, logGroupName: str, logStreamNamePrefix: str) -> dict[str, Any]:
        """A job's container has written nothing, unless a story's cloud says otherwise."""
        del logGroupName, logStreamNamePrefix
        return {"logStreams": []}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        for entry in Entries:
            self._event(entry["Source"], entry["DetailType"], json.loads(entry["Detail"]))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: str) -> dict[str, Any]:
        assert InvocationType == "Event"
        name = FunctionName.rpartition(":")[2].removeprefix("gridwatch-").replace("-", "_")
        self._invoke_directly(name, json.loads(Payload))
        return {"StatusCode": 202}

    # Events ---------------------------------------------------------------------------------------------------------

    def _object_created(self, bucket: str, key: str, stored: Stored) -> None:
        detail = {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": len(stored.content), "etag": stored.etag, "version-id": stored.version},
            "reason": "PutObject",
        }
        self._event("aws.s3", "Object Created", detail)

    def _job_changed(self, detail: Mapping[str, Any]) -> None:
        self._event("aws.sagemaker", "SageMaker Training Job State Change", detail)

    def _event(self, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        self._count += 1
        at = self.stage.moment()
        event = {
            "version": "0", "id": f"event-{self._count}", "source": source, "detail-type": detail_type,
            "account": "123456789012", "region": "eu-west-1", "time": f"{at:%Y-%m-%dT%H:%M:%SZ}", "resources": [],
            "detail": json.loads(json.dumps(detail)),
        }  # fmt: skip
        kept = {
            "Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "EventId": event["id"],
            "Account": event["account"], "Region": event["region"], "Time": event["time"], "Resources": [],
        }  # fmt: skip
        for pattern, targets in self.blueprint.patterns:
            if source in pattern and eventbridge._matches_pattern(pattern, kept):
                for delay in self.trouble.of_event():
                    self.stage.after(0.1 + delay, partial(self._deliver, targets, event))

    def _tick(self, targets: list[Mapping[str, Any]]) -> None:
        event = {
            "version": "0", "id": "tick", "source": "aws.events", "detail-type": "Scheduled Event",
            "time": f"{self.stage.moment():%Y-%m-%dT%H:%M:%SZ}", "resources": [], "detail": {},
        }  # fmt: skip
        self._deliver(targets, event)

    def _deliver(self, targets: list[Mapping[str, Any]], event: Mapping[str, Any]) -> None:
        for target in targets:
            payload = json.loads(target["Input"]) if "Input" in target else event
            function = self.blueprint.function_of(target["Arn"])
            if function is not None:
                self._invoke_directly(function, payload)
                continue
            group = target.get("SqsParameters", {}).get("MessageGroupId")
            queue = self.sqs.queues[self.blueprint.address(target["Arn"])]
            self.sqs.put(queue, json.dumps(payload), group=group)

    # Queues ---------------------------------------------------------------------------------------------------------

    def _make_queues(self) -> None:
        for url, properties in self.blueprint.queues.items():
            delay, visibility = properties.get("DelaySeconds", 0), properties.get("VisibilityTimeout", 30)
            self.sqs.queues[url] = Queue(properties["QueueName"], float(visibility), float(delay))
        for url, properties in self.blueprint.queues.items():
            queue, policy = self.sqs.queues[url], properties.get("RedrivePolicy")
            if policy:
                queue.most_receives = policy["maxReceiveCount"]
                queue.dead_letters = self.sqs.queues[self.blueprint.address(policy["deadLetterTargetArn"])]
            if url in self.blueprint.sources:
                queue.poll = partial(self._poll_soon, url)

    def _poll_soon(self, url: str) -> None:
        window = self.blueprint.sources[url][1].get("MaximumBatchingWindowInSeconds", 0)
        self.stage.after(window + self.stage.chance.uniform(0.01, 0.2), partial(self._poll, url))

    def _poll(self, url: str) -> None:
        function, mapping = self.blueprint.sources[url]
        queue = self.sqs.queues[url]
        most = 1 if queue.fifo else mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 10)
        while self._running.get(url, 0) < most:
            batch = self.sqs.receive(queue, mapping["BatchSize"])
            if not batch:
                return
            self._hand(function, url, queue, batch)
            if not queue.fifo and self.trouble.delivers_twice():
                self._hand(function, url, queue, batch)

    def _hand(self, function: str, url: str, queue: Queue, batch: list[Message]) -> None:
        self._running[url] = self._running.get(url, 0) + 1
        records = [
            {
                "messageId": each.message_id, "receiptHandle": each.message_id, "body": each.body,
                "attributes": {"ApproximateReceiveCount": str(each.receives)}, "eventSource": "aws:sqs",
            }
            for each in batch
        ]  # fmt: skip

        def done(act: Act, answer: Any, error: BaseException | None) -> None:
            self._running[url] -= 1
            failed = {each["itemIdentifier"] for each in (answer or {}).get("batchItemFailures", ())}
            kept = {each.message_id for each in batch} if error is not None else failed
            for message in batch:
                if message.message_id in kept:
                    message.excuses.append(act.faulty)
                elif message in queue.messages:
                    queue.messages.remove(message)
            if kept:
                self.stage.tell(f"comes again: {', '.join(sorted(kept))}")
            self._poll_soon(url)

        self._invoke(function, {"Records": records}, done)

    # Functions ------------------------------------------------------------------------------------------------------

    def _invoke_directly(self, function: str, payload: Mapping[str, Any], tries: int = 0) -> None:
        config = self.blueprint.invoke_configs[function]
        self.busy += 1

        def done(act: Act, answer: Any, error: BaseException | None) -> None:
            del act, answer
            if error is None:
                self.busy -= 1
            elif tries < config["MaximumRetryAttempts"]:
                again = partial(self._invoke_directly, function, payload, tries + 1)
                self.stage.after(_RETRY_AFTER[tries], again)
                self.stage.after(_RETRY_AFTER[tries], self._one_less)
            else:
                self.busy -= 1
                self._failed_for_good(function, payload, error, config["DestinationConfig"]["OnFailure"]["Destination"])

        self._invoke(function, payload, done)

    def _one_less(self) -> None:
        self.busy -= 1

    def _failed_for_good(self, function: str, payload: Mapping[str, Any], error: BaseException, arn: str) -> None:
        name = f"gridwatch-{function.replace('_', '-')}"
        letter = {
            "requestContext": {"functionArn": f"arn:aws:lambda:eu-west-1:123456789012:function:{name}:$LATEST"},
            "requestPayload": payload,
            "responsePayload": {"errorType": type(error).__name__, "errorMessage": str(error)},
        }
        self.stage.tell(f"given up: {type(error).__name__} {error}")
        self.sqs.put(self.sqs.queues[self.blueprint.address(arn)], json.dumps(letter))

    def _invoke(
        self, function: str, event: Mapping[str, Any], done: Callable[[Act, Any, BaseException | None], None]
    ) -> None:
        self._count += 1
        self.busy += 1
        number = f"{function}#{self._count}"
        self.invocations[function] += 1
        environment = self._environments.take(function)
        seconds = self.blueprint.functions[function].properties["Timeout"]

        def over(answer: Any, error: BaseException | None) -> None:
            self.busy -= 1
            self._environments.give_back(environment, alive=not act.dead)
            if error is not None and not isinstance(error, KilledError):
                self.stage.tell(f"raised {type(error).__name__}: {error}")
            done(act, answer, error)

        def work() -> Any:
            return environment.handler(json.loads(json.dumps(event)), Context(act, number))

        act = Act(self.stage, number, work, over, seconds=seconds, skew=environment.skew)
        act.begin(_COLD_START if environment.cold else 0.02)

    # Jobs -----------------------------------------------------------------------------------------------------------

    def _tensors(self, job_name: str, step: int, value: float | None) -> None:
        """Write what a hook writes: before the first step the collections, then each step's value."""
        if value is None:
            files = [collections_file({"metrics": [METRIC]})]
        else:
            files = scalar_files([ScalarStep(step, self.stage.now, {METRIC: value})])
        for key, content in files:
            bucket = self.blueprint.environment["ARTIFACTS_BUCKET"]
            self.s3.put_object(Bucket=bucket, Key=tensor_prefix(job_name) + key, Body=content)


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context object."""

    act: Act
    aws_request_id: str

    function_name = "simulated"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:simulated"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(self.act.seconds_left * 1000))


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
