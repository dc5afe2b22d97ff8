"""The three launching functions as Lambda calls them, wired to AWS by their environment (moto in this process)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws import clients
from gridwatch.aws.state_table import StateTable
from gridwatch.domain.trials import TrialState
from tests.fakes.state_schema import state_schema
from tests.unit.functions.world import example

EVENTS = Path(__file__).resolve().parents[2] / "events"
REGION = "eu-west-1"
BUCKET = "experiments-bucket"


@dataclass
class Context:
    """Of an invocation: what Powertools and the functions read."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class Account:
    """What the stack would have made."""

    def __init__(self) -> None:
        self.s3, self.sqs = boto3.client("s3", REGION), boto3.client("sqs", REGION)
        self.dynamodb, self.sagemaker = boto3.client("dynamodb", REGION), boto3.client("sagemaker", REGION)
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for name in ("train", "validation"):
            self.s3.put_object(Bucket=BUCKET, Key=f"data/blobs/{name}.csv", Body=b"0,1,2\n")
        self._tables()
        self.queues = {name: self._queue(name) for name in ("alerts", "track", "evaluate", "snapshot", "start.fifo")}
        self.store = StateTable("state", dynamodb=self.dynamodb)

    def _tables(self) -> None:
        self.dynamodb.create_table(TableName="state", **state_schema())
        self.dynamodb.create_table(
            TableName="idempotency", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )  # fmt: skip

    def _queue(self, name: str) -> str:
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def environment(self) -> dict[str, str]:
        return {
            "EXPERIMENTS_BUCKET": BUCKET,
            "ARTIFACTS_BUCKET": "artifacts-bucket",
            "STATE_TABLE": "state",
            "IDEMPOTENCY_TABLE": "idempotency",
            "START_QUEUE_URL": self.queues["start.fifo"],
            "ALERT_QUEUE_URL": self.queues["alerts"],
            "TRACK_QUEUE_URL": self.queues["track"],
            "EVALUATE_QUEUE_URL": self.queues["evaluate"],
            "SNAPSHOT_QUEUE_URL": self.queues["snapshot"],
            "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/gridwatch-training",
            "NAME_PREFIX": "gridwatch",
            "BATCH_JOB_QUEUE": "",
            "BATCH_ATTEMPTS": "3",
            "CUSTOM_RULE_SOURCES": "",
            "ALLOWED_IN_SPECS": "",
            "XGBOOST_SOURCE_URI": "s3://assets/0123456789abcdef.tar.gz",
            "HOOK_SOURCE_URI": "s3://assets/fedcba9876543210.zip",
            "HOOK_VERSION": "0.1.0",
            "PROCESSING_INSTANCES": "0",
            "LAUNCH_RATE_PER_SECOND": "1000",
            "LAUNCH_BURST": "1",
        }

    def upload(self, content: str, key: str = "experiments/blobs.yaml") -> dict[str, Any]:
        """Put the object; returns the event that S3 sends."""
        put = self.s3.put_object(Bucket=BUCKET, Key=key, Body=content.encode())
        event: dict[str, Any] = json.loads((EVENTS / "s3_spec_created.json").read_text())
        event["detail"]["bucket"]["name"] = BUCKET
        event["detail"]["object"] = {"key": key, "etag": put["ETag"].strip('"'), "version-id": put["VersionId"]}
        return event

    def answer(self, key: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        return document

    def received(self, queue: str) -> list[dict[str, Any]]:
        """Everything that is in the queue."""
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(QueueUrl=self.queues[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        made = Account()
        for key, value in made.environment().items():
            monkeypatch.setenv(key, value)
        _forget()
        yield made
    _forget()


def _forget() -> None:
    """What a fresh Lambda environment does not have yet."""
    import launch_grid.handler
    import start_trials.handler
    import track_job.handler

    for cached in (
        clients.client, clients.region, launch_grid.handler._settings, launch_grid.handler._persistence,
        launch_grid.handler._platform, start_trials.handler._settings, start_trials.handler._bucket,
        track_job.handler._tracker,
    ):  # fmt: skip
        cached.cache_clear()


def test_from_the_upload_to_the_last_message(account: Account) -> None:
    from launch_grid.handler import handler as launch
    from start_trials.handler import handler as start
    from track_job.handler import handler as track

    event = account.upload(example())
    launch(event, Context())
    launch({"Records": [{"messageId": "1", "body": json.dumps(event)}]}, Context())

    assert len(account.store.list_trials("blobs")) == 8
    assert account.answer("status/experiments/blobs.yaml.json")["recorded"] == 8
    (message,) = account.received("start.fifo")
    assert message["type"] == "StartTrials"

    start({"Records": [{"messageId": "1", "body": json.dumps(message)}]}, Context())
    running = account.store.trials_in(TrialState.RUNNING)
    assert len(running) == 4
    jobs = account.sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert {job["TrainingJobName"] for job in jobs} == {trial.job_name for trial in running}

    news = json.loads((EVENTS / "sagemaker_training_job_state_change.json").read_text())
    news["detail"] |= {"TrainingJobName": running[0].job_name, "TrainingJobArn": running[0].job_arn}
    answer = track({"Records": [{"messageId": "7", "body": json.dumps(news)}]}, Context())
    assert answer == {"batchItemFailures": []}
    assert account.received("evaluate") == [{"type": "EvaluateJob", "job_name": running[0].job_name, "ended": True}]
    assert account.received("snapshot") == [{"type": "SnapshotExperiment", "experiment": "blobs"}] * 2  # and accepted
    assert [message["type"] for message in account.received("start.fifo")] == ["StartTrials"]


def test_a_bad_spec_is_answered_and_told(account: Account) -> None:
    from launch_grid.handler import handler as launch

    event = account.upload(example().replace("minimize", "minimise"))
    launch(event, Context())
    launch(event, Context())

    problems = account.answer("status/experiments/blobs.yaml.error.json")["problems"]
    assert [problem["field"] for problem in problems] == ["objective.direction"]
    (message,) = account.received("alerts")
    alert = account.store.get_alert(message["alert_id"])
    assert alert is not None
    assert alert.kind == "spec_rejected"
    assert account.received("start.fifo") == []


def test_what_is_no_spec_is_passed_over(account: Account) -> None:
    from launch_grid.handler import handler as launch

    launch(account.upload("x", "status/experiments/blobs.yaml.json"), Context())

    assert account.store.list_experiments() == []


def test_one_bad_message_does_not_keep_the_others_from_being_tracked(account: Account) -> None:
    from track_job.handler import handler as track

    news = (EVENTS / "sagemaker_training_job_state_change.json").read_text()
    broken = json.loads(news)
    del broken["detail"]["TrainingJobName"]
    records = [{"messageId": "1", "body": json.dumps(broken)}, {"messageId": "2", "body": news}]

    assert track({"Records": records}, Context()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
