"""A new version is deployed while an experiment runs: nothing is lost, nothing is trained twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from gridwatch.cli.demo.dataset import Dataset, write_csv
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy
from tests.story.deployed import Deployed
from tests.story.permissions import Permissions

SPEC = """
name: through-an-upgrade
objective: {metric: validation-error, direction: minimize}
algorithm: {name: xgboost, version: 3.2-0}
data:
  train: {uri: upgrade/train.csv, content_type: text/csv}
  validation: {uri: upgrade/validation.csv, content_type: text/csv}
hyperparameters: {objective: "binary:logistic", eval_metric: error, max_depth: 4}
grid: {num_round: [200, 201, 202]}
collect: {metrics: {save_interval: 20}}
rules:
  - {rule: MetricNonFinite, on_issue: stop}
limits: {parallel_jobs: 1}
"""


@pytest.fixture
def stages(tmp_path: Path) -> list[Path]:
    """The app as it is, and the next version of it: other function settings and another environment, so that
    CloudFormation replaces every function's code and configuration.
    """
    from infra.app import create_app

    assemblies = []
    for name, settings in (("now", {}), ("next", {"alert_group_seconds": 77, "launch_rate_per_second": 3})):
        create_app(settings, outdir=str(tmp_path / name)).synth()
        assemblies.append(tmp_path / name)
    return assemblies


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start(options=("--strict",)) as running:
        yield running


def test_an_experiment_runs_through_a_deployment(
    cloud: LocalCloud, stages: list[Path], blobs: Dataset, tmp_path: Path
) -> None:
    now, following = stages
    session = boto3.Session(cloud.account, "local", region_name=cloud.region)
    outputs = deploy(now, cloud.endpoint, region=cloud.region)
    deployed = Deployed(session, cloud.endpoint, outputs, Permissions.of(now, cloud.endpoint, session))
    for file in write_csv(blobs, tmp_path).values():
        deployed.put(f"data/upgrade/{file.name}", file.read_text())
    deployed.put("experiments/through-an-upgrade.yaml", SPEC)
    deployed.wait(lambda: deployed.jobs("through-an-upgrade") or None, "the first job", 60)

    after = deploy(following, cloud.endpoint, region=cloud.region)

    assert after == deployed.outputs, "an upgrade keeps every place"
    functions = deployed.client("lambda").get_paginator("list_functions").paginate()
    environments = [each["Environment"]["Variables"] for page in functions for each in page["Functions"]]
    assert any("77" in each.values() for each in environments), "the new version is there"
    jobs = deployed.wait_for_jobs("through-an-upgrade", 3, 90)
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed"] * 3
    assert len({job["HyperParameters"]["num_round"] for job in jobs}) == 3, "every trial once"
    deployed.snapshot("through-an-upgrade")
    sql = "SELECT trials.state AS state, e.complete AS complete FROM trials JOIN experiments e USING (experiment)"
    rows = deployed.query(sql)
    assert [row["state"] for row in rows] == ["completed"] * 3
    assert {row["complete"] for row in rows} == {"true"}
    sqs = deployed.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        if "dead" in url.lower():
            waiting = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            assert waiting["Attributes"]["ApproximateNumberOfMessages"] == "0", url
