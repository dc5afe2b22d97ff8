"""Launching in the embedded cloud under a tight quota while SageMaker throttles, calls fail and launchers die.

However it comes: every point of the grid becomes one training job; none is lost, none is trained twice, and never do
more of them run than the quota lets.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gridwatch.domain.trials import TrialState
from tests.chaos.faulty import FaultyCloud, faulty_cloud

QUOTA = 3
Faults = Mapping[str, Any]


def mild(seed: int) -> Faults:
    return {
        "seed": seed,
        "events": {"copies": 3, "delay": 1.0},
        "calls": [
            {"operation": "sagemaker:CreateTrainingJob", "fault": "lost", "share": 0.2},
            {"operation": "sagemaker:*", "fault": "throttle", "share": 0.2},
            {"operation": "dynamodb:*", "fault": "throttle", "share": 0.03},
            {"operation": "s3:GET", "fault": "fail", "share": 0.1},
            {"operation": "sqs:SendMessage", "fault": "double", "share": 0.3},
        ],
    }


def harsh(seed: int) -> Faults:
    """Events are lost, and whoever calls may die before or after the call."""
    calls = [
        *mild(seed)["calls"],
        {"operation": "sagemaker:CreateTrainingJob", "fault": "kill", "share": 0.1},
        {"operation": "sagemaker:CreateTrainingJob", "fault": "kill-after", "share": 0.1},
        {"operation": "*", "fault": "kill", "share": 0.01},
        {"operation": "*", "fault": "kill-after", "share": 0.01},
        {"operation": "*", "fault": "lost", "share": 0.02},
    ]
    return {"seed": seed, "events": {"lost": 0.05, "copies": 3, "delay": 2.0}, "calls": calls}


@pytest.fixture(scope="module")
def cloud() -> Iterator[FaultyCloud]:
    """Jobs that take a second."""
    with faulty_cloud("--quota", str(QUOTA), job=("/bin/sleep", "1"), settings={"launch_rate_per_second": 20}) as cloud:
        cloud.hurry_queues(5)
        yield cloud


@pytest.fixture(scope="module")
def scarce_cloud() -> Iterator[FaultyCloud]:
    """One CreateTrainingJob a second, as AWS has it, and every fourth job finds no capacity."""
    account = ("--quota", str(QUOTA), "--rate", "CreateTrainingJob=1", "--capacity-failures", "0.25")
    with faulty_cloud(*account, job=("/bin/sleep", "1"), settings={"launch_rate_per_second": 1}) as cloud:
        cloud.hurry_queues(5)
        yield cloud


@pytest.fixture(scope="module")
def queue_cloud() -> Iterator[FaultyCloud]:
    """The same through AWS Batch, whose queue lets so many run."""
    settings = {"launch_target": "batch", "batch_max_instances": QUOTA}
    with faulty_cloud(job=("/bin/sleep", "1"), settings=settings) as cloud:
        cloud.hurry_queues(5)
        yield cloud


def test_a_grid_is_launched_whole_though_much_goes_wrong(cloud: FaultyCloud) -> None:
    tell_story(cloud, {"mild": 8}, mild(1), seconds=120)


def test_a_grid_is_launched_whole_though_everything_goes_wrong(cloud: FaultyCloud, harsh_seed: int) -> None:
    tell_story(cloud, {f"harsh-{harsh_seed}": 16}, harsh(harsh_seed), seconds=600)


def test_two_grids_share_an_account_that_is_slow_and_has_no_capacity(
    scarce_cloud: FaultyCloud, harsh_seed: int
) -> None:
    grids = {f"large-{harsh_seed}": 12, f"small-{harsh_seed}": 4}
    attempts = tell_story(scarce_cloud, grids, harsh(harsh_seed), seconds=900)
    assert max(attempts) > 1, "some job found no capacity"


def test_a_grid_through_a_queue_of_batch_is_launched_whole(queue_cloud: FaultyCloud, harsh_seed: int) -> None:
    name, jobs = f"queued-{harsh_seed}", 10
    faults = harsh(harsh_seed)
    of_batch = [
        {"operation": "batch:submitservicejob", "fault": fault, "share": 0.15}
        for fault in ("lost", "kill", "kill-after", "throttle")
    ]
    deployed = queue_cloud.deployed
    with queue_cloud.faults({**faults, "calls": [*of_batch, *faults["calls"]]}):
        queue_cloud.submit(name, jobs)
        queue_cloud.submit(name, jobs)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not is_submitted(queue_cloud, name, jobs):
            queue_cloud.redrive()  # an upload over which the function died three times is submitted by nobody else
            queue_cloud.sweep()
            assert running(queue_cloud) <= QUOTA
            time.sleep(1.5)
        injected = queue_cloud.injected()
    assert any(key.startswith("batch:submitservicejob") for key in injected), injected

    def over() -> bool:
        queue_cloud.redrive()
        queue_cloud.sweep()
        assert running(queue_cloud) <= QUOTA
        time.sleep(1.5)
        return is_over(queue_cloud, name, jobs)

    deployed.wait(over, "the end of the grid", 600)
    trials = queue_cloud.store.list_trials(name)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETED: jobs}, injected
    request = {"jobQueue": deployed.outputs["LaunchTarget"], "jobStatus": "SUCCEEDED"}
    submitted = deployed.client("batch").list_service_jobs(**request)["jobSummaryList"]
    assert Counter(job["jobName"] for job in submitted) == Counter(trial.job_name for trial in trials)
    assert len(deployed.jobs(name)) == jobs


def tell_story(cloud: FaultyCloud, grids: Mapping[str, int], faults: Faults, *, seconds: float) -> list[int]:
    """Returns how many jobs each trial needed."""

    def over() -> bool:
        cloud.sweep()
        assert running(cloud) <= QUOTA
        time.sleep(1.5)
        return all(is_over(cloud, name, jobs) for name, jobs in grids.items())

    with cloud.faults(faults):
        for name, jobs in grids.items():
            cloud.submit(name, jobs)
            cloud.submit(name, jobs)  # the same spec once more, as another version
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not over():
            pass
        injected = cloud.injected()
    assert sum(injected.values()) > 10, injected

    def over_at_last() -> bool:
        # Whoever died three times over one upload has left a dead letter, of which an alarm tells.
        cloud.redrive()
        return over()

    cloud.deployed.wait(over_at_last, "the end of the grids", seconds)
    for name, jobs in grids.items():
        count_jobs(cloud, name, jobs, injected)
    return [trial.attempt for name in grids for trial in cloud.store.list_trials(name)]


def count_jobs(cloud: FaultyCloud, name: str, jobs: int, injected: Mapping[str, int]) -> None:
    """Every point is trained once, by the last attempt of its trial; all attempts before it found no capacity."""
    trials = cloud.store.list_trials(name)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETED: jobs}, injected
    found = cloud.deployed.jobs(name)
    attempts = [
        f"{trial.job_name.rpartition('-')[0]}-{attempt}" for trial in trials for attempt in range(1, trial.attempt + 1)
    ]
    assert Counter(job["TrainingJobName"] for job in found) == Counter(attempts)
    trained = [job for job in found if job["TrainingJobStatus"] == "Completed"]
    assert sorted(job["TrainingJobName"] for job in trained) == sorted(trial.job_name for trial in trials)
    assert sorted(int(json.loads(job["HyperParameters"]["seed"])) for job in trained) == list(range(jobs))
    assert all(job["FailureReason"].startswith("CapacityError") for job in found if job not in trained)


def is_submitted(cloud: FaultyCloud, name: str, jobs: int) -> bool:
    trials = cloud.store.list_trials(name)
    return len(trials) == jobs and all(trial.state not in ("waiting", "starting") for trial in trials)


def is_over(cloud: FaultyCloud, name: str, jobs: int) -> bool:
    trials = cloud.store.list_trials(name)
    return len(trials) == jobs and all(trial.state.is_finished for trial in trials)


def running(cloud: FaultyCloud) -> int:
    sagemaker = cloud.deployed.client("sagemaker")
    found = [sagemaker.list_training_jobs(StatusEquals=status) for status in ("InProgress", "Stopping")]
    return sum(len(page["TrainingJobSummaries"]) for page in found)
