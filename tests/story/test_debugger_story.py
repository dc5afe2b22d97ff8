"""SageMaker's own Debugger: in an account that has it, and in one that has not and whose rules go on all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.cli.demo.dataset import Dataset
from gridwatch.domain.jobs import JobRecord
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy
from tests.story.deployed import Deployed, Mailbox
from tests.story.permissions import Permissions


def spec(name: str, engine: str) -> str:
    """A trial that is over after minutes, and learns nothing after seconds."""
    document = {
        "name": name,
        "objective": {"metric": "validation-error", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {
            "train": {"uri": f"{name}/train.csv", "content_type": "text/csv"},
            "validation": {"uri": f"{name}/validation.csv", "content_type": "text/csv"},
        },
        "hyperparameters": {
            "objective": "binary:logistic", "eval_metric": "error", "max_depth": 16, "num_round": 10_000,
        },
        "engine": engine,
        "collect": {"metrics": {"save_interval": 2}},
        "rules": [
            {
                "rule": "LossNotDecreasing",
                "parameters": {"collection_names": "metrics", "num_steps": 2, "diff_percent": 5},
                "on_issue": "stop",
            },
        ],
    }  # fmt: skip
    return json.dumps(document, indent=1)


def put_data(deployed: Deployed, blobs: Dataset, name: str) -> None:
    for channel, points in blobs.channels.items():
        rows = "".join(f"{label},{a!r},{b!r}\n" for label, a, b in points)
        deployed.put(f"data/{name}/{channel}.csv", rows)


def record_of(deployed: Deployed, job_name: str) -> JobRecord:
    found = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb")).get_job(job_name)
    assert found is not None
    return found


def test_without_debugger_the_job_runs_under_gridwatchs_rules_and_is_stopped(
    deployed: Deployed, blobs: Dataset, mailbox: Mailbox
) -> None:
    put_data(deployed, blobs, "closed")
    deployed.put("experiments/closed.json", spec("closed", "auto"))

    (job,) = deployed.wait_for_jobs("closed", 1, 150)

    assert job["TrainingJobStatus"] == "Stopped"
    assert "DebugHookConfig" not in job
    record = record_of(deployed, job["TrainingJobName"])
    assert (record.engine, record.managed_rules) == ("gridwatch", False)
    refusal = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb")).get_debugger_refusal()
    assert refusal is not None
    assert (refusal.code, refusal.job_name) == ("ValidationException", job["TrainingJobName"])
    (told,) = deployed.wait(lambda: mailbox.about("No SageMaker Debugger"), "the alert about the account", 30)
    assert "Debugger is not available to this account" in told["Message"]
    assert deployed.wait(lambda: mailbox.about("LossNotDecreasing"), "the alert about the stop", 30)

    # What was found out is told to whoever uploads the next spec.
    again = spec("closed", "auto").replace('"name": "closed"', '"name": "closed-again"').replace("10000", "3")
    deployed.put("experiments/closed-again.json", again)
    answer: Any = deployed.wait(
        lambda: deployed.get_json("status/experiments/closed-again.json.json"), "the answer to the next spec", 30
    )
    assert any("SageMaker refused Debugger to this account" in warning["message"] for warning in answer["warnings"])


@pytest.fixture(scope="module")
def with_debugger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A cloud of its own, whose account has Debugger."""
    from infra.app import create_app

    assembly = tmp_path_factory.mktemp("cdk.out")
    create_app({}, outdir=str(assembly)).synth()
    with LocalCloud.start(options=["--debugger", "--strict"]) as cloud:
        outputs = deploy(assembly, cloud.endpoint, region=cloud.region)
        keys = cloud.environment()
        session = boto3.Session(
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=cloud.region,
        )
        permissions = Permissions.of(assembly, cloud.endpoint, session)
        yield Deployed(session, cloud.endpoint, outputs, permissions)


def test_where_there_is_debugger_its_rules_stop_the_job(with_debugger: Deployed, blobs: Dataset) -> None:
    mailbox = Mailbox.open(with_debugger, "mail")
    put_data(with_debugger, blobs, "open")
    with_debugger.put("experiments/open.json", spec("open", "auto"))

    (job,) = with_debugger.wait_for_jobs("open", 1, 150)

    assert job["TrainingJobStatus"] == "Stopped"
    assert job["DebugHookConfig"]["S3OutputPath"].endswith("/tensors")
    (status,) = job["DebugRuleEvaluationStatuses"]
    assert (status["RuleConfigurationName"], status["RuleEvaluationStatus"]) == ("LossNotDecreasing", "IssuesFound")
    record = record_of(with_debugger, job["TrainingJobName"])
    assert (record.engine, record.managed_rules, record.own_policies) == ("debugger", True, ())
    (told,) = with_debugger.wait(lambda: mailbox.about("LossNotDecreasing"), "the alert about the stop", 30)
    assert job["TrainingJobName"] in told["Message"]
