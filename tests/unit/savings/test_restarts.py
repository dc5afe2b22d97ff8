"""Savings of jobs that were interrupted and began again, with checkpoints and without, by their hook or their log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.savings import Restart
from gridwatch.events.training_job import job_description
from gridwatch.savings.estimate import Remaining, RunningJob, remaining
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.progress import Progress, read_progress
from gridwatch.savings.sparing import Sparing
from gridwatch.state.memory import MemoryStore
from tests.tensor_folder import TensorFolder

BEGAN = 1_700_000_000.0
UNIT = 20.0  # seconds
AGAIN = BEGAN + 12 * UNIT + 120  # after twelve units and a pause of two minutes


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def restart(*, resumes: bool) -> Restart:
    return Restart(at=moment(AGAIN), resumes=resumes)


def save(made: TensorFolder, steps: Sequence[int], at: float, name: str) -> None:
    """Save these steps a unit after each other, the first of them a unit after `at`."""
    for place, step in enumerate(steps, start=1):
        made.began, made.step_seconds = at + place * UNIT - step * UNIT, UNIT
        made.save(step, {name: [0.5]})


def interrupted(again: Sequence[int], name: str = "val_loss") -> TensorFolder:
    """Twelve steps, an interruption, and the steps that came after it."""
    made = TensorFolder({"metrics": [".*"]})
    save(made, range(12), BEGAN, name)
    save(made, again, AGAIN, name)
    return made


def left(found: Progress | None, hyperparameters: dict[str, Any], now: float) -> Remaining:
    assert found is not None
    job = RunningJob(
        started_at=moment(BEGAN), step=None, hyperparameters=hyperparameters, max_runtime_seconds=86_400,
        instance_type="ml.m5.large", instance_count=1, progress=found,
    )  # fmt: skip
    estimated = remaining(job, moment(now))
    assert estimated is not None
    return estimated


def by_log(reports_again: int, epochs: int, *, resumes: bool) -> tuple[Progress | None, Remaining]:
    """A log, whose lines go on: it has the reports of both runs."""
    made = interrupted(range(12, 12 + reports_again))
    found = read_progress(made.source(), {"epochs": epochs}, "val_loss", ("val_loss",), restart(resumes=resumes))
    return found, left(found, {"epochs": epochs}, AGAIN + reports_again * UNIT)


def test_epochs_that_a_log_tells_twice_without_checkpoints_count_once() -> None:
    found, estimated = by_log(4, 20, resumes=False)
    assert found is not None
    assert (found.newest.done, found.restarted) == (4, True)
    assert estimated.seconds == pytest.approx(16 * UNIT)


def test_after_a_checkpoint_the_former_epochs_count_and_the_range_says_what_may_be_redone() -> None:
    """It resumed at epoch 10 or so: 4 to 8 of 20 epochs are left, or 16 if it did not resume at all."""
    found, estimated = by_log(4, 20, resumes=True)
    assert found is not None
    assert found.newest.done == 16
    assert estimated.seconds == pytest.approx(4 * UNIT)
    assert estimated.high > 16 * UNIT
    assert "from its checkpoint as it seems" in estimated.method


def test_more_reports_than_planned_because_some_epochs_came_twice_are_no_reason_to_know_nothing() -> None:
    found, estimated = by_log(9, 20, resumes=True)
    assert found is not None
    assert not estimated.at_most
    assert estimated.seconds == pytest.approx(UNIT)
    assert 11 * UNIT < estimated.high < 40 * UNIT


@pytest.mark.parametrize(("resumes", "done"), [(False, 0.0), (True, 12.0)])
def test_right_after_it_began_again_the_former_pace_is_known(resumes: bool, done: float) -> None:
    found, estimated = by_log(0, 20, resumes=resumes)
    assert found is not None
    assert found.newest.done == done
    assert estimated.seconds <= (20 - done) * UNIT
    assert estimated.high == pytest.approx(20 * UNIT, rel=0.2)


@pytest.mark.parametrize(("resumes", "done"), [(False, 3), (True, 15)])
def test_a_hook_that_begins_at_its_first_step_again(resumes: bool, done: int) -> None:
    made = interrupted(range(3), "error")
    found = read_progress(made.source(), {"num_round": 100}, "error", (), restart(resumes=resumes))
    estimated = left(found, {"num_round": 100}, AGAIN + 3 * UNIT)
    assert found is not None
    assert found.newest.done == done
    assert estimated.seconds == pytest.approx((100 - done) * UNIT)
    assert estimated.high >= 97 * UNIT


def test_a_hook_that_counts_on_from_its_checkpoint() -> None:
    made = interrupted(range(10, 15), "error")
    found = read_progress(made.source(), {"num_round": 100}, "error", (), restart(resumes=True))
    assert found is not None
    assert (found.newest.done, found.redone) == (15, 0)
    assert left(found, {"num_round": 100}, AGAIN + 5 * UNIT).high < 97 * UNIT


def test_one_slow_epoch_does_not_mean_that_the_training_stands_still() -> None:
    made = TensorFolder({"metrics": [".*"]})
    save(made, [0], BEGAN, "val_loss")
    found = read_progress(made.source(), {"epochs": 20}, "val_loss")
    assert found is not None
    assert not found.stands_still(BEGAN + 10_000)


def test_one_count_of_training_steps_beyond_all_steps_is_damage() -> None:
    made = interrupted(range(12, 14), "error")
    key = "index/000000000/000000000013_worker_0.json"
    text = made.objects[key].replace(b'"GLOBAL", "mode_step": 13', b'"TRAIN", "mode_step": 4503599627370496')
    assert text != made.objects[key]
    made.objects[key] = text
    found = read_progress(made.source(), {"num_round": 100}, "error")
    assert found is not None
    assert found.newest.done == 14


def transition(status: str, seconds: float) -> dict[str, Any]:
    return {"Status": status, "StartTime": moment(seconds), "StatusMessage": ""}


def detail(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "job", "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job",
        "TrainingJobStatus": "InProgress", "SecondaryStatus": "Training", "LastModifiedTime": moment(AGAIN),
        "TrainingStartTime": moment(BEGAN), "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}, **changes,
    }  # fmt: skip


def test_sagemakers_transitions_say_when_a_job_began_again() -> None:
    once = [transition("Starting", BEGAN - 60), transition("Training", BEGAN)]
    twice = [*once, transition("Interrupted", AGAIN - 100), transition("Starting", AGAIN - 90)]
    told_twice = [*once, transition("Training", AGAIN)]  # with another message, as it goes on
    again = [*twice, transition("Training", AGAIN)]
    for transitions, at in ((once, None), (twice, None), (told_twice, None), (again, moment(AGAIN))):
        assert job_description(detail(SecondaryStatusTransitions=transitions)).began_again_at == at
    assert not job_description(detail()).keeps_checkpoints
    assert job_description(detail(CheckpointConfig={"S3Uri": "s3://b/c"})).keeps_checkpoints


def test_what_a_stop_saves_keeps_the_restart_for_its_correction() -> None:
    job = JobRecord(
        job_name="job", experiment="blobs", trial_id="t", attempt=1, policies=(), hyperparameters={"epochs": 20},
        objective_metric="val_loss", objective_direction="minimize",
    )  # fmt: skip
    transitions = [
        transition("Training", BEGAN), transition("Interrupted", AGAIN - 100), transition("Training", AGAIN),
    ]  # fmt: skip
    description = job_description(detail(SecondaryStatusTransitions=transitions))
    made = interrupted(range(3))
    sparing = Sparing(MemoryStore(), lambda _: made.source(), PriceTable.built_in())
    saved = sparing.of(job, description, step=None, at=moment(AGAIN) + timedelta(seconds=3 * UNIT))
    assert saved is not None
    assert saved.restart == restart(resumes=False)
    assert saved.seconds == pytest.approx(17 * UNIT)
