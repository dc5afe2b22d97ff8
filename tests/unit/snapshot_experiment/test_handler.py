"""The handler's own part: settings, parsing, reporting; against DynamoDB and S3 in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws import clients
from gridwatch.aws.state_table import StateTable
from gridwatch.events.messages import SnapshotExperiment, to_body
from gridwatch.tables import schemas
from tests.fakes.state_schema import state_schema
from tests.unit.tables.facts_of import a_trial, an_experiment


class Context:
    function_name = "gridwatch-snapshot-experiment"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:gridwatch-snapshot-experiment"
    aws_request_id = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "STATE_TABLE": "state",
        "ARTIFACTS_BUCKET": "artifacts",
        "EXPERIMENTS_BUCKET": "experiments",
        "NAME_PREFIX": "gridwatch",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        clients.client.cache_clear()
        boto3.client("s3").create_bucket(Bucket="artifacts")
        alerts = boto3.client("sqs").create_queue(QueueName="alerts")
        monkeypatch.setenv("ALERT_QUEUE_URL", alerts["QueueUrl"])
        monkeypatch.setenv("SNAPSHOT_QUEUE_URL", "https://sqs.example/snapshot")
        boto3.client("dynamodb").create_table(TableName="state", **state_schema())
        sys.modules.pop("snapshot_experiment.handler", None)
        from snapshot_experiment.handler import handler

        yield handler
        clients.client.cache_clear()


def _message(message_id: str, experiment: str) -> dict[str, str]:
    return {"messageId": message_id, "body": to_body(SnapshotExperiment(experiment))}


def _put(*names: str) -> None:
    store = StateTable("state")
    for name in names:
        store.put_experiment(replace(an_experiment(a_trial()), name=name))
        store.add_trials([a_trial(experiment=name)])


def test_messages_become_tables(handler: Any) -> None:
    _put("blobs")
    answer = handler({"Records": [_message("m1", "blobs"), _message("m2", "blobs")]}, Context())
    assert answer == {"batchItemFailures": []}
    keys = {found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket="artifacts")["Contents"]}
    assert {key for key in keys if key.startswith("tables/")} == {
        f"tables/{table.name}/blobs.parquet" for table in schemas.TABLES
    }
    assert "reports/experiments/blobs.html" in keys, "its only trial is over"


def test_what_fails_comes_again_and_nothing_else(handler: Any) -> None:
    _put("blobs")
    boto3.client("s3").delete_bucket(Bucket="artifacts")
    answer = handler({"Records": [_message("m1", "blobs"), _message("m2", "unknown")]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_schedules_tick_takes_every_experiment_that_was_never_written(handler: Any) -> None:
    _put("blobs", "digits")
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    assert handler(event, Context()) == {"batchItemFailures": []}
    keys = [found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket="artifacts")["Contents"]]
    assert {key for key in keys if key.startswith("tables/experiments/")} == {
        "tables/experiments/blobs.parquet",
        "tables/experiments/digits.parquet",
    }
