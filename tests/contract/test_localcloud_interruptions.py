"""Jobs that lose their machines: they go on from their checkpoints, within their time."""

import json
from typing import Any

import pytest

from gridwatch.localcloud.sagemaker.interruption import Interruption, InterruptionError
from tests.contract.localcloud_world import (
    BUCKET,
    SCRIPT_IMAGE,
    World,
    interrupt,
    log_of,
    pack_source,
    unpacked,
    wait_for,
)

# Counts to `--rounds`; after a restart from the number in its checkpoint. Of SIGTERM it takes no notice.
_COUNTER = """
import argparse, os, pathlib, signal, time
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop", flush=True))
parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int)
parser.add_argument("--checkpoints", type=pathlib.Path)
given = parser.parse_args()
saved = given.checkpoints / "round.txt"
begin = int(saved.read_text()) + 1 if saved.exists() else 0
print(f"begins at {begin}", flush=True)
for number in range(begin, given.rounds):
    print(f"loss: {1 / (number + 1):.4f}", flush=True)
    if given.checkpoints.is_dir():
        waiting = saved.with_suffix(".tmp")  # never half a file, whenever it is killed
        waiting.write_text(str(number))
        waiting.replace(saved)
    time.sleep(0.1)
pathlib.Path(os.environ["SM_MODEL_DIR"], "rounds.txt").write_text(str(number + 1))
"""
SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
}
KEEPS = {"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/<job>"}}


def start(world: World, rounds: int = 40, **changes: Any) -> str:
    """A counting job; returns its name once it has counted a little and its checkpoint is in S3."""
    name = world.name("counts")
    source = pack_source(world, name, **{"train.py": _COUNTER})
    text = json.dumps({**changes}).replace("<job>", name)
    request = world.request(name, **json.loads(text))
    del request["InputDataConfig"]
    request["AlgorithmSpecification"] |= {
        "TrainingImage": SCRIPT_IMAGE, "MetricDefinitions": [{"Name": "loss", "Regex": "loss: ([0-9.]+)"}],
    }  # fmt: skip
    request["HyperParameters"] = {
        "sagemaker_program": "train.py", "sagemaker_submit_directory": source, "rounds": str(rounds),
        "checkpoints": "/opt/ml/checkpoints",
    }  # fmt: skip
    world.client("sagemaker").create_training_job(**request)
    wait_for(lambda: world.describe(name).get("FinalMetricDataList"))
    if "CheckpointConfig" in changes:
        wait_for(lambda: world.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"checkpoints/{name}/")["KeyCount"])
    return name


def phases(job: dict[str, Any]) -> list[str]:
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(world: World) -> None:
    name = start(world, **SPOT, **KEEPS)
    assert interrupt(world, name, capacity_after=1) == (200, {"interrupted": name})
    during = world.reaches(name, "Interrupted")
    assert during["TrainingJobStatus"] == "InProgress"
    job = world.ended(name)
    assert "FailureReason" not in job
    assert phases(job) == [
        "Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading",
        "Completed",
    ]  # fmt: skip
    lines = log_of(world, name)
    begins = [int(line.removeprefix("begins at ")) for line in lines if line.startswith("begins")]
    assert begins[0] == 0
    assert 0 < begins[1] < 40
    assert "asked to stop" in lines, "the script got no SIGTERM"
    assert unpacked(world, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"rounds.txt": b"40"}


def test_waiting_for_machines_is_no_training_and_spot_costs_less(world: World) -> None:
    name = start(world, rounds=15, **SPOT, **KEEPS)
    interrupt(world, name, capacity_after=3)
    job = world.ended(name)
    elapsed = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    assert job["TrainingTimeInSeconds"] <= elapsed - 2, "the wait counts as training"
    assert 1 <= job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


def test_without_checkpoints_it_begins_anew(world: World) -> None:
    name = start(world, rounds=12, **SPOT)
    interrupt(world, name)
    assert world.ended(name)["TrainingJobStatus"] == "Completed"
    assert log_of(world, name).count("begins at 0") == 2


def test_a_job_that_gets_no_machines_in_its_time_is_over(world: World) -> None:
    limits = {"MaxRuntimeInSeconds": 5, "MaxWaitTimeInSeconds": 6}
    name = start(world, **{**SPOT, **KEEPS, "StoppingCondition": limits})
    interrupt(world, name, capacity_after=None)
    job = world.ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "Interrupted" in phases(job)


def test_a_job_that_waits_for_machines_can_be_stopped(world: World) -> None:
    name = start(world, **SPOT, **KEEPS)
    interrupt(world, name, capacity_after=None)
    world.reaches(name, "Interrupted")
    world.client("sagemaker").stop_training_job(TrainingJobName=name)
    job = world.ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")


def test_an_internal_error_is_tried_again_as_often_as_was_asked(world: World) -> None:
    name = start(world, rounds=600, RetryStrategy={"MaximumRetryAttempts": 1}, **KEEPS)
    interrupt(world, name, cause="internal-error")
    wait_for(lambda: phases(world.describe(name)).count("Training") == 2 or None)
    assert "Restarting" in phases(world.describe(name))
    interrupt(world, name, cause="internal-error")
    job = world.ended(name)
    assert (job["TrainingJobStatus"], job["FailureReason"][:20]) == ("Failed", "InternalServerError:")


def test_only_a_spot_job_that_trains_loses_spot_capacity(world: World) -> None:
    name = start(world, rounds=5)
    status, answer = interrupt(world, name)
    assert (status, answer["error"]) == (409, f"{name} does not train on spot capacity (EnableManagedSpotTraining)")
    world.ended(name)
    assert interrupt(world, name, cause="internal-error")[0] == 409
    assert interrupt(world, "no-such-job")[0] == 404
    assert interrupt(world, name, cause="rain")[0] == 400


@pytest.mark.parametrize("document", [{"cause": "rain"}, {"capacity_after": -1}, {"capacity_after": "soon"}, {"a": 1}])
def test_a_document_that_describes_no_interruption_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InterruptionError):
        Interruption.from_document(document)


def test_warm_pools_and_spot_exclude_each_other(world: World) -> None:
    request = world.request(world.name(), **SPOT)
    request["ResourceConfig"] = {**request["ResourceConfig"], "KeepAlivePeriodInSeconds": 600}
    with pytest.raises(Exception, match="KeepAlivePeriodInSeconds is not supported with EnableManagedSpotTraining"):
        world.client("sagemaker").create_training_job(**request)
