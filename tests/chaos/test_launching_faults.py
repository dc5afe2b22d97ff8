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

from gridwatch.state.records import TrialState
from tests.chaos.faulty import FaultyCloud, faulty_cloud, grid_spec

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


def test_a_grid_is_launched_whole_though_much_goes_wrong(cloud: FaultyCloud) -> None:
    tell_story(cloud, "mild", mild(1), jobs=8, seconds=120)


def test_a_grid_is_launched_whole_though_everything_goes_wrong(cloud: FaultyCloud, harsh_seed: int) -> None:
    tell_story(cloud, f"harsh-{harsh_seed}", harsh(harsh_seed), jobs=16, seconds=600)


def tell_story(cloud: FaultyCloud, name: str, faults: Faults, *, jobs: int, seconds: float) -> None:
    with cloud.faults(faults):
        submit(cloud, name, jobs)
        submit(cloud, name, jobs)  # the same spec once more, as another version
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not is_over(cloud, name, jobs):
            cloud.sweep()
            assert running(cloud) <= QUOTA
            time.sleep(1.5)
        injected = cloud.injected()
    assert sum(injected.values()) > 10, injected

    def over() -> bool:
        cloud.sweep()
        time.sleep(1.5)
        assert running(cloud) <= QUOTA
        return is_over(cloud, name, jobs)

    cloud.deployed.wait(over, "the end of the grid", seconds)
    trials = cloud.store.list_trials(name)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETED: jobs}, injected
    names = Counter(job["TrainingJobName"] for job in cloud.deployed.jobs(name))
    assert names == Counter(trial.job_name for trial in trials)
    points = [job["HyperParameters"]["seed"] for job in cloud.deployed.jobs(name)]
    assert sorted(json.loads(point) for point in points) == list(range(jobs))


def submit(cloud: FaultyCloud, name: str, jobs: int) -> None:
    for channel in ("train", "validation"):
        cloud.deployed.put(f"data/{channel}.csv", "1,2\n0,1\n")
    cloud.deployed.put(f"experiments/{name}.json", json.dumps(grid_spec(name, jobs)))


def is_over(cloud: FaultyCloud, name: str, jobs: int) -> bool:
    trials = cloud.store.list_trials(name)
    return len(trials) == jobs and all(trial.state.is_finished for trial in trials)


def running(cloud: FaultyCloud) -> int:
    sagemaker = cloud.deployed.client("sagemaker")
    found = [sagemaker.list_training_jobs(StatusEquals=status) for status in ("InProgress", "Stopping")]
    return sum(len(page["TrainingJobSummaries"]) for page in found)
