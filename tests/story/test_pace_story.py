"""The embedded cloud at AWS's pace: jobs are looked at as often as their price allows, and a stop comes within that."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tensor_source import S3Source
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy
from gridwatch.pace import PACE_KEY
from gridwatch.storage.layout import tensor_prefix
from gridwatch_rules.tensors.layout import FLUSH_PREFIX, INDEX_PREFIX
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from tests.story.deployed import Deployed
from tests.story.permissions import Permissions

EVERY = 5.0
SLACK = 15.0  # seconds, on a machine that does much else
REACTION = 60.0  # seconds from the look to the stop: functions start for the first time, beside another story
ROWS, FEATURES = 4_000, 10  # without any pattern, so that trees grow deep and a round takes its time
SPEC = f"""
name: at-the-pace-of-aws
objective: {{metric: validation-error, direction: minimize}}
algorithm: {{name: xgboost, version: 3.2-0}}
data:
  train: {{uri: pace/train.csv, content_type: text/csv}}
  validation: {{uri: pace/validation.csv, content_type: text/csv}}
hyperparameters: {{objective: "binary:logistic", eval_metric: error, max_depth: 6, num_round: 20000}}
resources: {{instance_type: ml.p5.48xlarge, max_runtime: 1h}}
watching: {{every: {EVERY:.0f}s}}
collect: {{metrics: {{save_interval: 2}}}}
rules:
  - rule: LossNotDecreasing
    parameters: {{collection_names: metrics, num_steps: 600, diff_percent: 5}}
    on_issue: stop
"""


@pytest.fixture
def paced(tmp_path: Path) -> Iterator[Deployed]:
    from infra.app import create_app

    create_app({"watch_pace": "price"}, outdir=str(tmp_path / "cdk.out")).synth()
    with LocalCloud.start(options=("--strict",)) as cloud:
        outputs = deploy(tmp_path / "cdk.out", cloud.endpoint, region=cloud.region)
        keys = cloud.environment()
        session = boto3.Session(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=cloud.region)
        permissions = Permissions.of(tmp_path / "cdk.out", cloud.endpoint, session)
        yield Deployed(session, cloud.endpoint, outputs, permissions)


def test_a_stop_comes_within_what_the_pace_says(paced: Deployed) -> None:
    chance = random.Random(0)
    for channel in ("train", "validation"):
        paced.put(f"data/pace/{channel}.csv", "".join(noise(chance)))
    paced.put("experiments/at-the-pace-of-aws.yaml", SPEC)
    (job,) = paced.wait_for_jobs("at-the-pace-of-aws", 1, 180)
    assert job["TrainingJobStatus"] == "Stopped", job
    terms = json.loads(job["Environment"][PACE_KEY])
    assert terms["look_seconds"] == EVERY

    name, stages = job["TrainingJobName"], job["SecondaryStatusTransitions"]
    stopped = next(each["StartTime"] for each in stages if each["Status"] == "Stopping").timestamp()
    began = next(each["StartTime"] for each in stages if each["Status"] == "Training").timestamp()
    source = S3Source(paced.client("s3"), paced.outputs["ArtifactsBucket"], tensor_prefix(name))
    reader = TensorReader(source)
    steps = {each.step: each for each in reader.new_steps(Cursor(), ended=True)}
    store = StateTable(paced.outputs["StateTable"], dynamodb=paced.client("dynamodb"))
    (found,) = store.list_rule_evaluations(name)
    assert found.finding is not None
    seen = reader.logged_at(steps[found.finding["step"]], str(found.finding["tensor"]))
    assert seen is not None
    assert _written_at(paced, name, found.finding["step"]) - seen.timestamp() <= EVERY + SLACK, "the hook's own pace"
    assert stopped - seen.timestamp() <= EVERY + REACTION

    # It wrote that often and no oftener, each time one object; the first three times sooner, and once at the end.
    written = len(source.keys(FLUSH_PREFIX))
    assert 2 <= written <= (stopped - began + REACTION) / EVERY + 5
    assert len(steps) > 10 * written
    assert all(key.startswith("index/completed/") for key in source.keys(INDEX_PREFIX))


def noise(chance: random.Random) -> Iterator[str]:
    """Lines of a CSV file: labels and features that have nothing to do with each other."""
    for _ in range(ROWS):
        yield ",".join([str(chance.randrange(2)), *(f"{chance.gauss():.3f}" for _ in range(FEATURES))]) + "\n"


def _written_at(paced: Deployed, job_name: str, step: int) -> float:
    """When the object that told of this step was written, in Unix seconds."""
    listed = paced.client("s3").list_objects_v2(
        Bucket=paced.outputs["ArtifactsBucket"], Prefix=f"{tensor_prefix(job_name)}{FLUSH_PREFIX}"
    )["Contents"]
    written = {int(each["Key"].rpartition("/")[2].partition("_")[0]): each["LastModified"] for each in listed}
    return float(written[min(last for last in written if last >= step)].timestamp())
