"""Measures how long an uploaded grid takes to be planned and queued: launch_grid's handler as Lambda calls it, cold,
alone in a process, with the embedded S3, DynamoDB and SQS.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3

from benchmarks.launch_rate import create_state_table
from benchmarks.result import Result, report
from gridwatch.localcloud import LocalCloud

GRIDS = {1: "1", 10: "10", 100: "10x10", 1_000: "10x10x10", 10_000: "10x10x10x10"}
REFUSED = 100_000
MEMORY_MB, LIMIT_SECONDS = 512, 60.0
ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = ROOT / "functions"
EVENT = ROOT / "tests" / "events" / "s3_spec_created.json"
FACTORS: dict[str, list[Any]] = {
    "max_depth": list(range(2, 12)),
    "eta": [round(0.05 * n, 2) for n in range(1, 11)],
    "num_round": list(range(10, 110, 10)),
    "min_child_weight": list(range(10)),
    "seed": list(range(10)),
}


def main() -> None:
    if "--invoke" in sys.argv:
        _invoke(json.loads(sys.stdin.read()))
        return
    with LocalCloud.start() as cloud:
        account = _Account(cloud)
        rows = [account.measure(trials) for trials in GRIDS]
        refusal = account.refuse()
    largest = rows[-1]
    report(
        Result(
            name="plan_scale",
            ours=largest["seconds"],
            peer=LIMIT_SECONDS,
            unit="s",
            ratio=round(LIMIT_SECONDS / largest["seconds"], 1),
            what=f"launch_grid's handler on a grid of {max(GRIDS):,} points, in one process, imports included; peer: "
            f"the time allowed. Wanted: under {LIMIT_SECONDS:g} s and {MEMORY_MB} MB, every trial recorded",
            more={"memory_mb": largest["memory_mb"], "grids": rows, "refused": refusal},
        )
    )
    assert largest["recorded"] == max(GRIDS), "a trial is missing"


class _Account:
    """An account with buckets, tables and queues as the stack has them, and one spec for each grid."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._environment = cloud.environment()
        session = boto3.Session(cloud.account, "local", region_name=cloud.region)
        self._s3 = session.client("s3", endpoint_url=cloud.endpoint)
        self._dynamodb = session.client("dynamodb", endpoint_url=cloud.endpoint)
        sqs = session.client("sqs", endpoint_url=cloud.endpoint)
        self._s3.create_bucket(Bucket="experiments")
        self._s3.put_bucket_versioning(Bucket="experiments", VersioningConfiguration={"Status": "Enabled"})
        for name in ("train", "validation"):
            self._s3.put_object(Bucket="experiments", Key=f"data/blobs/{name}.csv", Body=b"1,2\n")
        create_state_table(self._dynamodb, "state")
        self._dynamodb.create_table(
            TableName="idempotency",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        fifo = sqs.create_queue(QueueName="start.fifo", Attributes={"FifoQueue": "true"})
        self._settings = {
            "EXPERIMENTS_BUCKET": "experiments",
            "ARTIFACTS_BUCKET": "artifacts",
            "STATE_TABLE": "state",
            "IDEMPOTENCY_TABLE": "idempotency",
            "START_QUEUE_URL": fifo["QueueUrl"],
            "ALERT_QUEUE_URL": sqs.create_queue(QueueName="alerts")["QueueUrl"],
            "SNAPSHOT_QUEUE_URL": sqs.create_queue(QueueName="snapshot")["QueueUrl"],
            "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/gridwatch-training",
            "NAME_PREFIX": "gridwatch",
            "XGBOOST_SOURCE_URI": "s3://assets/0123456789abcdef.tar.gz",
            "PROCESSING_INSTANCES": "0",
            "CUSTOM_RULE_SOURCES": "",
            "ALLOWED_IN_SPECS": "",
        }

    def measure(self, trials: int) -> dict[str, Any]:
        measured = self._launch(trials)
        answer = self._answer(f"status/experiments/grid-{trials}.json.json")
        recorded = self._recorded(trials)
        assert answer["recorded"] == trials, answer
        per_trial = round(1000 * measured["seconds"] / trials, 2)
        return {"trials": trials, "recorded": recorded, **measured, "ms_per_trial": per_trial}

    def refuse(self) -> dict[str, Any]:
        """Upload a grid over the limit: nothing is recorded, and the answer says what to do."""
        measured = self._launch(REFUSED)
        answer = self._answer(f"status/experiments/grid-{REFUSED}.json.error.json")
        assert self._recorded(REFUSED) == 0, "half done"
        return {"trials": REFUSED, **measured, "says": answer["text"].strip()}

    def _launch(self, trials: int) -> dict[str, Any]:
        key = f"experiments/grid-{trials}.json"
        put = self._s3.put_object(Bucket="experiments", Key=key, Body=json.dumps(_spec(trials)).encode())
        event = json.loads(EVENT.read_text())
        event["detail"]["bucket"]["name"] = "experiments"
        event["detail"]["object"] |= {"key": key, "version-id": put["VersionId"], "etag": put["ETag"].strip('"')}
        environment = {**os.environ, **self._environment, **self._settings, "POWERTOOLS_LOG_LEVEL": "ERROR"}
        command = [sys.executable, "-m", "benchmarks.plan_scale", "--invoke"]
        called = subprocess.run(
            command, input=json.dumps(event), env=environment, capture_output=True, text=True, check=True
        )
        measured: dict[str, Any] = json.loads(called.stdout.splitlines()[-1])
        return measured

    def _answer(self, key: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._s3.get_object(Bucket="experiments", Key=key)["Body"].read())
        return answer

    def _recorded(self, trials: int) -> int:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName="state",
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": f"experiment#grid-{trials}"}, ":sk": {"S": "trial#"}},
            Select="COUNT",
        )
        return sum(page["Count"] for page in pages)


def _spec(trials: int) -> dict[str, Any]:
    factors = round(len(str(trials)) - 1)
    channel = {"content_type": "text/csv"}
    spec: dict[str, Any] = {
        "name": f"grid-{trials}",
        "objective": {"metric": "validation-error", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {name: {"uri": f"blobs/{name}.csv", **channel} for name in ("train", "validation")},
        "hyperparameters": {"objective": "binary:logistic", "eval_metric": "error"},
        "limits": {"trials": min(trials, 10_000)},
        "grid": {name: FACTORS[name] for name in list(FACTORS)[:factors]} or {"max_depth": [2]},
    }
    if "num_round" not in spec["grid"]:
        spec["hyperparameters"]["num_round"] = 10
    return spec


def _invoke(event: dict[str, Any]) -> None:
    sys.path.insert(0, str(FUNCTIONS))
    began = time.perf_counter()
    from launch_grid.handler import handler  # noqa: PLC0415  its imports are part of what is measured

    handler(event, _Context())
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": round(seconds, 2), "memory_mb": round(memory)}))


class _Context:
    """The part of Lambda's context that Powertools needs."""

    function_name = "launch_grid"
    memory_limit_in_mb = MEMORY_MB
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:launch_grid"
    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


if __name__ == "__main__":
    main()
