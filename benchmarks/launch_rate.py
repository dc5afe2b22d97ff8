"""200 trials against a CreateTrainingJob of 5 calls a second, burst 10: our launcher, and pools of boto3 clients."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import benchmarks._functions  # noqa: F401  makes start_trials importable
from benchmarks._training_api import BURST, RATE, Api, training_api
from benchmarks.result import Result, report
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.clients import CONFIG
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.training_service import SageMakerTraining
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.holding import LaunchLimits
from gridwatch.launch.pacing import TokenBucket
from gridwatch.launch.request import training_request
from gridwatch.localcloud import LocalCloud
from gridwatch_rules.clock import SystemClock
from start_trials.engines import Engines
from start_trials.round import Round
from start_trials.starting import Launcher
from start_trials.tracking import Tracking
from tests.fakes.state_schema import state_schema

TRIALS = 200
FLOOR = (TRIALS - BURST) / RATE
THREADS = 16
TABLE = "state"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ONCE = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))  # as start_trials has it
KEYS: dict[str, Any] = {
    "aws_access_key_id": "123456789012",
    "aws_secret_access_key": "none",
    "region_name": "us-east-1",
}


def main() -> None:
    ours = _ours()
    pools = {
        f"{THREADS} threads, boto3's default retries": _pool(Config()),
        f"{THREADS} threads, adaptive, 10 attempts": _pool(
            Config(retries={"mode": "adaptive", "total_max_attempts": 10})
        ),
    }
    report(
        Result(
            name="launch_rate",
            ours=ours["seconds"],
            peer=FLOOR,
            unit="s",
            ratio=round(ours["seconds"] / FLOOR, 3),
            what=f"{TRIALS} trials through the launcher and the embedded DynamoDB against a CreateTrainingJob of "
            f"{RATE:g} calls a second, burst {BURST}, over HTTP; peer: the floor of {FLOOR:g} s. Wanted: ratio at most "
            "1.05, nothing lost, at most 2 % of the calls throttled",
            more={
                "lost": ours["lost"],
                "throttled": ours["throttled"],
                "pools": [{"pool": n} | pools[n] for n in pools],
            },
        )
    )


def _ours() -> dict[str, Any]:
    with LocalCloud.start() as cloud, training_api() as api:
        keys = KEYS | {"aws_access_key_id": cloud.account, "endpoint_url": cloud.endpoint}
        store = StateTable(TABLE, dynamodb=boto3.client("dynamodb", config=CONFIG, **keys))
        sqs = boto3.client("sqs", **keys)
        queue = SqsQueue(sqs.create_queue(QueueName="start")["QueueUrl"], sqs)
        create_state_table(boto3.client("dynamodb", **keys), TABLE)
        store.put_experiment(EXPERIMENT)
        store.add_trials(_trials())
        clock = SystemClock()
        alerts = AlertOutbox(store, queue)
        training = SageMakerTraining(boto3.client("sagemaker", endpoint_url=api.endpoint, config=ONCE, **KEYS))
        launcher = Launcher(
            store=store,
            training=training,
            alerts=alerts,
            snapshot_queue=queue,
            limits=LaunchLimits(store=store, alerts=alerts, clock=clock),
            engines=Engines(store=store, alerts=alerts, clock=clock, artifacts_bucket="artifacts"),
            tracking=Tracking(
                store=store,
                training=training,
                clock=clock,
                name_prefix="gridwatch",
                experiments_bucket="experiments",
                artifacts_bucket="artifacts",
                seconds_left=lambda: 900.0,
            ),
            clock=clock,
            bucket=TokenBucket(clock, RATE, BURST),
            name_prefix="gridwatch",
            artifacts_bucket="artifacts",
            seconds_left=lambda: 900.0,
        )
        began = time.perf_counter()
        Round(launcher=launcher, queue=queue, round_id="only").run()
        found = _outcome(api, time.perf_counter() - began)
        running = len(store.trials_in(TrialState.RUNNING))
    return found | {"lost": TRIALS - min(found["created"], running)}


def _pool(config: Config) -> dict[str, Any]:
    """A client that all threads share; what it raises in the end is a job that is lost."""
    with training_api() as api:
        pool = config.merge(Config(max_pool_connections=THREADS))
        client = boto3.client("sagemaker", endpoint_url=api.endpoint, config=pool, **KEYS)

        def create(trial: TrialRecord) -> None:
            try:
                client.create_training_job(**_request(trial))
            except ClientError:
                return  # counted by what is not there at the end

        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(create, _trials()))
        return _outcome(api, time.perf_counter() - began)


def _outcome(api: Api, seconds: float) -> dict[str, Any]:
    counts = api.counts()
    return {
        "seconds": round(seconds, 2),
        "lost": TRIALS - counts["created"],
        "throttled": round(counts["throttled"] / counts["calls"], 4),
        "created": counts["created"],
    }


def _request(trial: TrialRecord) -> Mapping[str, Any]:
    return training_request(EXPERIMENT.template, trial, name_prefix="gridwatch", artifacts_bucket="artifacts")


def _trials() -> list[TrialRecord]:
    return [
        replace(TRIAL, trial_id=f"{index:010x}", index=index, job_name=f"gridwatch-rate-{index:010x}-1")
        for index in range(TRIALS)
    ]


def create_state_table(dynamodb: Any, name: str) -> None:
    """The table as infra/constructs/state.py declares it."""
    dynamodb.create_table(TableName=name, **state_schema())


TRIAL = TrialRecord(
    experiment="rate", trial_id="", index=0, attempt=1, state=TrialState.WAITING, job_name="", created_at=NOW,
    updated_at=NOW, hyperparameters={"max_depth": 4, "eta": 0.1}, instance_type="ml.m5.large", instance_count=1,
)  # fmt: skip
EXPERIMENT = ExperimentRecord(
    name="rate", spec_key="experiments/rate.yaml", spec_version="1", uploaded_at=NOW, policies=(),
    document={"objective": {"metric": "validation-error", "direction": "minimize"}},
    trial_ids=tuple(f"{index:010x}" for index in range(TRIALS)), parallel_jobs=TRIALS, created_at=NOW, updated_at=NOW,
    template={
        "AlgorithmSpecification": {"TrainingImage": "none", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/training", "HyperParameters": {}, "Environment": {}, "Tags": [],
        "OutputDataConfig": {"S3OutputPath": "s3://artifacts/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "ExperimentConfig": {"ExperimentName": "gridwatch-rate"},
    },
)  # fmt: skip


if __name__ == "__main__":
    main()
