"""A grid through AWS Batch: queued, trained under names that Batch gives, stopped by a rule and not tried again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridwatch.aws.batch_training import BatchTraining
from gridwatch.launch.steering import Steering
from gridwatch_rules.clock import SystemClock
from tests.chaos.faulty import FaultyCloud, faulty_cloud
from tests.fakes.queues import FakeQueue
from tests.story.deployed import Mailbox

ROOT = Path(__file__).resolve().parents[2]
HIGH = {
    "rule": "MetricThreshold",
    "name": "high",
    "parameters": {"above": 0.9, "tensor_regex": "error"},
    "on_issue": "stop",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[FaultyCloud]:
    """Jobs that only wait, and a queue that lets two of them run."""
    settings = {"launch_target": "batch", "batch_max_instances": 2}
    with faulty_cloud(settings=settings) as cloud:
        yield cloud


def test_a_grid_through_the_queue(cloud: FaultyCloud) -> None:
    mailbox = Mailbox.open(cloud.deployed, "mail-batch")
    cloud.submit("queued", 4, [HIGH])
    batch, sagemaker = cloud.deployed.client("batch"), cloud.deployed.client("sagemaker")
    queue = cloud.deployed.outputs["LaunchTarget"]

    def training() -> list[str] | None:
        names = [trial.job_name for trial in cloud.store.list_trials("queued") if trial.secondary_status == "Training"]
        return names if len(names) == 2 else None

    first, second = cloud.deployed.wait(training, "two jobs train", 60)
    jobs = [job["TrainingJobName"] for job in sagemaker.list_training_jobs()["TrainingJobSummaries"]]
    mine = [name for name in jobs if name.startswith("AWSBatchgridwatch-queued-")]
    assert len(mine) == 2, f"the queue lets two of four run: {jobs}"

    # Its tensors lie under its own name, wherever Batch runs it; what they say stops it for good.
    with cloud.faults({"events": {"copies": 3, "delay": 0.5}}):
        cloud.begin(first)
        cloud.write(first, 0, 1.0)
        cloud.deployed.wait(lambda: state(cloud, first) == "stopped", "the stop of the first", 60)
    (mail,) = cloud.deployed.wait(lambda: mailbox.about("high"), "the alert", 30)
    assert first in mail["Message"]
    stopped = service_job(batch, queue, first)
    assert (stopped["status"], stopped["isTerminated"], len(stopped["attempts"])) == ("FAILED", True, 1)
    arn = stopped["latestAttempt"]["serviceResourceId"]["value"]
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert (tags["gridwatch:job"], tags["gridwatch:stopped-by"]) == (first, "high@0")

    # A place is free: the third trains. A person stops what is left, of which one still waits in the queue.
    cloud.deployed.wait(lambda: training() is not None, "the third trains", 60)
    steering = Steering(
        store=cloud.store,
        training=BatchTraining(queue, batch=batch, sagemaker=sagemaker),
        start_queue=FakeQueue(fifo=True),
        snapshot_queue=FakeQueue(),
        clock=SystemClock(),
        tell=lambda line: None,
    )
    assert steering.stop("queued", lambda trial: True).stopped == 3

    def over() -> bool:
        cloud.sweep()
        time.sleep(1)
        return all(trial.state == "stopped" for trial in cloud.store.list_trials("queued"))

    cloud.deployed.wait(over, "the end of all", 60)
    jobs = sagemaker.list_training_jobs(NameContains="-queued-")["TrainingJobSummaries"]
    assert len(jobs) == 3, "the last never left the queue"
    assert second in {trial.job_name for trial in cloud.store.list_trials("queued")}


def test_the_same_spec_again_submits_nothing(cloud: FaultyCloud) -> None:
    cloud.submit("twice", 2, [])
    batch, queue = cloud.deployed.client("batch"), cloud.deployed.outputs["LaunchTarget"]

    def running() -> bool:
        return len(batch.list_service_jobs(jobQueue=queue, jobStatus="RUNNING")["jobSummaryList"]) == 2

    cloud.deployed.wait(running, "two jobs run", 60)
    cloud.submit("twice", 2, [])
    time.sleep(3)
    named = batch.list_service_jobs(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": ["gridwatch-twice-*"]}])
    assert len(named["jobSummaryList"]) == 2
    for job in named["jobSummaryList"]:
        payload = json.loads(batch.describe_service_job(jobId=job["jobId"])["serviceRequestPayload"])
        assert "TrainingJobName" not in payload
        batch.terminate_service_job(jobId=job["jobId"], reason="the story is over")


def test_a_plan_says_that_batch_names_the_jobs(cloud: FaultyCloud) -> None:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [str(Path(sys.executable).parent / "gridwatch"), "--stack", "gridwatch", "plan", "examples/blobs.yaml"]
    answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "through AWS Batch" in answer.stdout + answer.stderr


def state(cloud: FaultyCloud, job_name: str) -> str:
    (trial,) = [trial for trial in cloud.store.list_trials("queued") if trial.job_name == job_name]
    return trial.state


def service_job(batch: Any, queue: str, name: str) -> dict[str, Any]:
    named = [{"name": "JOB_NAME", "values": [name]}]
    (found,) = batch.list_service_jobs(jobQueue=queue, filters=named)["jobSummaryList"]
    answer: dict[str, Any] = batch.describe_service_job(jobId=found["jobId"])
    return answer
