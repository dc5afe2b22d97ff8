"""Our CSV and that of the SageMaker SDK's analytics classes, of the same data, byte for byte."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest

from gridwatch.cli.analytics.frames import Analytics
from gridwatch.cli.analytics.sdk_layouts import training_rows, tuning_rows, varied
from gridwatch.cli.context import Cloud
from gridwatch.cli.local_state import RunningCloud
from gridwatch.cli.session import Session
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.launch.metadata import metadata_of
from gridwatch.localcloud import LocalCloud
from gridwatch.state.memory import MemoryStore
from gridwatch_rules.clock import SystemClock
from tests.interop.conftest import Peers
from tests.unit.functions.world import World, example

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME = "gridwatch-sdk"
COMPONENTS = 110  # two of our pages


@pytest.fixture(scope="module")
def sdk(cloud: LocalCloud) -> Peers:
    return Peers({"PATH": os.environ["PATH"], "SAGEMAKER_SUPPRESS_V2_WARNING": "1", **cloud.environment()}, "sagemaker")


@pytest.fixture(scope="module")
def running(cloud: LocalCloud) -> RunningCloud:
    return RunningCloud(cloud.endpoint, cloud.account, "local", cloud.region)


@pytest.fixture(scope="module")
def experiment(running: RunningCloud) -> str:
    """Components of many shapes: other parameters, metrics with and without values, other artifacts, two trials."""
    sagemaker, metrics = (
        boto3.client(
            service,
            endpoint_url=running.endpoint_url,
            region_name=running.region,
            aws_access_key_id=running.access_key_id,
            aws_secret_access_key=running.secret_access_key,
        )
        for service in ("sagemaker", "sagemaker-metrics")
    )
    sagemaker.create_experiment(ExperimentName=NAME)
    for trial in ("shallow", "deep"):
        sagemaker.create_trial(ExperimentName=NAME, TrialName=f"{NAME}-{trial}")
    for number in range(COMPONENTS):
        name = f"component-{number}-aws-training-job"  # a trial takes 50 others
        sagemaker.create_trial_component(TrialComponentName=name, **_given(number))
        sagemaker.associate_trial_component(TrialName=f"{NAME}-shallow", TrialComponentName=name)
        if number % 10 == 0:
            sagemaker.associate_trial_component(TrialName=f"{NAME}-deep", TrialComponentName=name)
        if number % 3:
            data = [
                {"MetricName": "validation:error", "Timestamp": NOON + timedelta(minutes=step), "Value": 1 / (step + 3)}
                for step in range(number % 5 + 1)
            ]
            assert not metrics.batch_put_metrics(TrialComponentName=name, MetricData=data).get("Errors")
    described = metadata_of(_record(), experiments_bucket="specs", artifacts_bucket="artifacts")
    sagemaker.create_trial_component(TrialComponentName=f"{NAME}-metadata", **described)
    for trial in ("shallow", "deep"):
        sagemaker.associate_trial_component(TrialName=f"{NAME}-{trial}", TrialComponentName=f"{NAME}-metadata")
    return NAME


def _record() -> ExperimentRecord:
    """An example, as launch_grid keeps it."""
    world = World()
    world.submit(example())
    return world.store.experiments["blobs"]


def _given(number: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {"eta": {"NumberValue": number / 7}, "objective": {"StringValue": "reg:squarederror"}}
    if number % 4 == 0:
        parameters |= {"max_depth": {"NumberValue": 3.0}, "note, with comma": {"StringValue": 'a "b"'}}
    # The SDK's class cannot read a component without artifacts.
    given: dict[str, Any] = {
        "Parameters": parameters,
        "InputArtifacts": {"code": {"Value": "s3://code/x.tar.gz"}},
        "OutputArtifacts": {"log": {"Value": "s3://logs/x"}},
    }
    if number % 2:
        given["DisplayName"] = f"Component-{number}"
        given["InputArtifacts"] = {"train": {"Value": "s3://data/train.csv", "MediaType": "text/csv"}}
        given["OutputArtifacts"] = {"model": {"Value": f"s3://models/{number}"}}
    return given


def test_an_experiment(sdk: Peers, running: RunningCloud, experiment: str, tmp_path: Path) -> None:
    sdk.ask("sdk_analytics", "experiment", running.endpoint_url, experiment, tmp_path / "theirs.csv")
    cloud = Cloud(lambda: Session.of(running), "none", SystemClock(), is_named=True)
    cloud.__dict__["store"] = MemoryStore()  # nothing is recorded: the name is SageMaker's own
    Analytics(cloud).experiment_analytics(experiment).to_csv(tmp_path / "ours.csv")
    ours, theirs = (pd.read_csv(tmp_path / f"{name}.csv", index_col=0) for name in ("ours", "theirs"))
    assert len(ours) == COMPONENTS + 1
    assert list(ours["gridwatch.hypothesis"].dropna()) == [_record().document["hypothesis"]["text"]]
    # Which component was changed last can be a tie; in everything else the order is the same, that of columns too.
    pd.testing.assert_frame_equal(
        ours.sort_values("TrialComponentName", ignore_index=True)[sorted(ours.columns)],
        theirs.sort_values("TrialComponentName", ignore_index=True)[sorted(theirs.columns)],
    )
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


def test_a_tuning_job(sdk: Peers, tmp_path: Path) -> None:
    trials: list[dict[str, Any]] = [
        {
            "job_name": f"job-{number}",
            "status": status,
            "objective_value": 1 / (number + 3) if status == "Completed" else None,
            "started_at": NOON if status != "InProgress" else None,
            "ended_at": NOON + timedelta(seconds=90.5) if status != "InProgress" else None,
            "hyperparameters": {"eta": number / 7, "booster": ["gbtree", "dart"][number % 2], "objective": "x"},
        }
        for number, status in enumerate(("Completed", "Failed", "InProgress", "Completed"))
    ]
    summaries = [
        {
            "TrainingJobName": trial["job_name"],
            "TrainingJobStatus": trial["status"],
            "TunedHyperParameters": {name: str(trial["hyperparameters"][name]) for name in ("booster", "eta")},
        }
        | ({"TrainingStartTime": trial["started_at"].isoformat()} if trial["started_at"] else {})
        | ({"TrainingEndTime": trial["ended_at"].isoformat()} if trial["ended_at"] else {})
        | (
            {"FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "e", "Value": trial["objective_value"]}}
            if trial["objective_value"]
            else {}
        )
        for trial in trials
    ]
    sdk.ask("sdk_analytics", "tuning", json.dumps(summaries), tmp_path / "theirs.csv")
    pd.DataFrame(list(tuning_rows(trials, varied(trials)))).to_csv(tmp_path / "ours.csv")
    assert (tmp_path / "ours.csv").read_text() == (tmp_path / "theirs.csv").read_text()


def test_a_training_job(sdk: Peers, tmp_path: Path) -> None:
    points = [
        (name, NOON + timedelta(seconds=20 * step), 1 / (step + offset))
        for offset, name in ((2, "train:error"), (3, "validation:error"))
        for step in range(7)
    ]
    averaged: dict[str, dict[str, list[float]]] = {}
    for name, at, value in points:
        averaged.setdefault(name, {}).setdefault(at.replace(second=0).isoformat(), []).append(value)
    datapoints = {
        name: [(at, math.fsum(values) / len(values)) for at, values in reversed(found.items())]
        for name, found in averaged.items()
    }
    sdk.ask("sdk_analytics", "training", json.dumps(datapoints), tmp_path / "theirs.csv")
    pd.DataFrame(list(training_rows(points))).to_csv(tmp_path / "ours.csv")
    assert (tmp_path / "ours.csv").read_text() == (tmp_path / "theirs.csv").read_text()
