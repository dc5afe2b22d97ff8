"""In the embedded cloud: the disk under a training job is full, and many upload at the same moment."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gridwatch.domain.trials import TrialState
from gridwatch_rules.status import RuleStatus
from tests.chaos.faulty import FaultyCloud, faulty_cloud, grid_spec
from tests.story.deployed import Mailbox

ROOT = Path(__file__).resolve().parents[2]
TRAINING = f"{ROOT}/.venvs/xgboost/bin/python {ROOT}/gridwatch/localcloud/images/script_mode.py"
# Where the model goes the kernel has no space left; everything before that is written.
FULL = (
    "ln -s /dev/full $SAGEMAKER_BASE_DIR/model/xgboost-model; "
    f"exec {TRAINING} --algorithm {ROOT}/hook/xgboost_script/train.py"
)
ROUNDS = 5
RULES = [{"rule": "MetricNonFinite", "name": "finite", "on_issue": "stop"}]


@pytest.fixture(scope="module")
def full_cloud() -> Iterator[FaultyCloud]:
    with faulty_cloud(job=("/bin/sh", "-c", FULL)) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def quick_cloud() -> Iterator[FaultyCloud]:
    """Jobs that take a second."""
    with faulty_cloud(job=("/bin/sleep", "1"), settings={"launch_rate_per_second": 20}) as cloud:
        cloud.hurry_queues(5)
        yield cloud


@pytest.mark.usefixtures("patience")
def test_a_full_disk_fails_the_job_with_its_reason_and_loses_nothing_of_what_was_written(
    full_cloud: FaultyCloud,
) -> None:
    deployed = full_cloud.deployed
    mailbox = Mailbox.open(deployed, "full-disk")
    rows = "".join(f"{row % 2},{row % 2}.5,{row * 7 % 11}\n" for row in range(60))
    for channel in ("train", "validation"):
        deployed.put(f"data/{channel}.csv", rows)
    spec = grid_spec("full", 1, RULES)
    spec["hyperparameters"]["num_round"] = ROUNDS
    spec["collect"] = {"metrics": {"save_interval": 1}}
    deployed.put("experiments/full.json", json.dumps(spec))

    (job,) = deployed.wait_for_jobs("full", 1, 90)

    assert job["TrainingJobStatus"] == "Failed"
    assert "No space left on device" in job["FailureReason"]

    def told() -> bool:
        full_cloud.sweep()
        return any("No space left on device" in mail["Message"] for mail in mailbox.about("failed"))

    deployed.wait(told, "the mail about the failure", 60)
    (trial,) = full_cloud.store.list_trials("full")
    assert trial.state is TrialState.FAILED

    def judged() -> bool:
        found = [each.status for each in full_cloud.store.list_rule_evaluations(trial.job_name)]
        return found == [RuleStatus.NO_ISSUES_FOUND]

    deployed.wait(judged, "the rule's verdict", 60)
    deployed.snapshot("full")
    sql = "SELECT count(*) AS steps FROM metrics WHERE experiment = 'full' AND name = 'validation-error'"
    assert deployed.query(sql) == [{"steps": str(ROUNDS)}]


@pytest.mark.usefixtures("patience")
def test_the_same_and_different_specs_are_uploaded_at_the_same_moment(quick_cloud: FaultyCloud) -> None:
    """Of one experiment under one key the last upload counts; each point is trained once, whoever asked how often."""
    deployed = quick_cloud.deployed
    for channel in ("train", "validation"):
        deployed.put(f"data/{channel}.csv", "1,2\n0,1\n")
    same, other = json.dumps(grid_spec("same", 4)), json.dumps(grid_spec("other", 3))
    uploads = [("experiments/same.json", same)] * 4
    uploads += [("experiments/copy of same.json", same), ("experiments/other.json", other)] * 2
    with quick_cloud.faults({"seed": 3, "events": {"copies": 3, "delay": 1.0}}), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda upload: deployed.put(*upload), uploads))
        time.sleep(3)

    def over() -> bool:
        quick_cloud.sweep()
        time.sleep(1.5)
        trials = {name: quick_cloud.store.list_trials(name) for name in ("same", "other")}
        return all(trial.state.is_finished for each in trials.values() for trial in each) and (
            [len(each) for each in trials.values()] == [4, 3]
        )

    deployed.wait(over, "the end of both", 120)
    for name, points in (("same", 4), ("other", 3)):
        trials = quick_cloud.store.list_trials(name)
        assert Counter(trial.state for trial in trials) == {TrialState.COMPLETED: points}
        jobs = [job["TrainingJobName"] for job in deployed.jobs(name)]
        assert sorted(jobs) == sorted(trial.job_name for trial in trials)
