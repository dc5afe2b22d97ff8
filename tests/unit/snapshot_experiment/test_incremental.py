"""A snapshot reads what changed since the last one, and says what SageMaker Search does not know yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gridwatch.domain.experiments import TrackingRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.tables.facts import Stamp
from gridwatch_rules.failures import ThrottledError
from tests.unit.snapshot_experiment.test_snapshot import World
from tests.unit.tables.facts_of import NOON, STAMP, a_trial

HOUR = timedelta(hours=1)
LATER = Stamp("20260301T140000Z-later", STAMP.as_of + HOUR)
IN_SAGEMAKER = {"ExperimentConfig": {"ExperimentName": "gridwatch-blobs"}}
DONE = a_trial(0, final_metrics={"validation:error": 0.1})
RUNNING = a_trial(1, state=TrialState.RUNNING, status="InProgress", ended_at=None, final_metrics={})


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    _add(world, DONE, RUNNING)
    for trial in (DONE, RUNNING):
        world.tensors[trial.job_name].save(0, {"validation-error": [0.5]})
        world.tensors[trial.job_name].save(2, {"validation-error": [0.4]})
    return world


def _add(world: World, *trials: TrialRecord) -> None:
    world.add(*trials)
    record = world.store.get_experiment("blobs")
    assert record is not None
    world.store.put_experiment(replace(record, template=IN_SAGEMAKER))


def test_what_is_over_and_was_read_is_not_read_again_and_not_lost(world: World) -> None:
    world.writer.take("blobs", STAMP)
    assert world.opened == [DONE.job_name, RUNNING.job_name]
    del world.tensors[DONE.job_name]  # expired
    world.tensors[RUNNING.job_name].save(4, {"validation-error": [0.3]})

    world.opened.clear()
    world.writer.take("blobs", LATER)

    assert world.opened == [RUNNING.job_name]
    assert world.rows("metrics", "job_name, step, value::FLOAT, snapshot_id, as_of") == [
        (job, step, pytest.approx(value), LATER.snapshot_id, LATER.as_of.replace(tzinfo=None))
        for job, step, value in (
            (DONE.job_name, 0, 0.5), (DONE.job_name, 2, 0.4),
            (RUNNING.job_name, 0, 0.5), (RUNNING.job_name, 2, 0.4), (RUNNING.job_name, 4, 0.3),
        )
    ]  # fmt: skip
    assert world.rows("trials", "grid_index, metric_count, metrics_complete, objective_best_step") == [
        (0, 2, True, 2),
        (1, 3, False, 4),
    ]


def test_tables_of_two_snapshots_are_no_ground_to_carry_anything_over(world: World) -> None:
    world.writer.take("blobs", STAMP)
    trials = world.bucket.objects["tables/trials/blobs.parquet"]
    world.writer.take("blobs", LATER)
    world.bucket.objects["tables/trials/blobs.parquet"] = trials  # as if killed between two of its PUTs
    world.opened.clear()
    world.writer.take("blobs", LATER)
    assert world.opened == [DONE.job_name, RUNNING.job_name]


def test_an_empty_table_of_metrics_from_before_the_jobs_does_not_make_their_curves_vanish(world: World) -> None:
    # A snapshot before any job, then one that died after it had put `trials`: found by `random 7104`.
    curves, world.tensors[DONE.job_name].objects = world.tensors[DONE.job_name].objects, {}
    world.tensors[RUNNING.job_name].objects = {}
    world.writer.take("blobs", STAMP)
    empty = world.bucket.objects["tables/metrics/blobs.parquet"]
    world.tensors[DONE.job_name].objects = curves
    world.bucket.objects.clear()
    world.writer.take("blobs", LATER)
    world.bucket.objects["tables/metrics/blobs.parquet"] = empty
    world.writer.take("blobs", LATER)
    assert world.rows("metrics", "step, value::FLOAT") == [(0, pytest.approx(0.5)), (2, pytest.approx(0.4))]


def test_jobs_over_without_a_curve_are_not_looked_at_again_though_there_is_no_table_to_carry(world: World) -> None:
    for trial in (DONE, RUNNING):
        world.tensors[trial.job_name].objects = {}
    world.writer.take("blobs", STAMP)
    world.opened.clear()
    world.writer.take("blobs", LATER)
    assert world.opened == [RUNNING.job_name]


def test_search_adds_figures_and_artifacts(world: World) -> None:
    world.search.add(DONE.job_name, NOON, validation_error=0.1, validation_logloss=0.7)
    world.search.add(RUNNING.job_name, NOON, status="InProgress")
    world.writer.take("blobs", STAMP)
    assert world.search.asked == [("gridwatch-blobs", None)]
    assert world.rows("final_metrics", "name, value, min, max, avg, std_dev, count") == [
        ("validation:error", 0.1, 0.1, 1.1, 0.6, 0.5, 2),
        ("validation:logloss", 0.7, 0.7, 1.7, 1.2, 0.5, 2),
    ]
    assert ("input", "train", "s3://data/train.csv", "search") in world.rows(
        "artifacts", "direction, name, uri, source"
    )
    assert world.rows("trials", "search_state") == [("current",), ("current",)]


def test_search_is_asked_of_every_experiment_that_sagemaker_has_its_trials_in(world: World) -> None:
    further = ("gridwatch-blobs", "gridwatch-blobs-002")
    world.store.save_tracking(TrackingRecord(experiment="blobs", entities=further, updated_at=NOON))
    world.search.add(DONE.job_name, NOON, experiment=further[0], validation_error=0.1)
    world.search.add(RUNNING.job_name, NOON, experiment=further[1], status="InProgress")
    world.writer.take("blobs", STAMP)
    assert world.search.asked == [(name, None) for name in further]
    assert world.rows("trials", "search_state") == [("current",), ("current",)]
    assert world.rows("experiments", "experiment") == [("blobs",)]
    world.writer.take("blobs", LATER)
    assert [name for name, _ in world.search.asked[2:]] == list(further)


def test_what_search_has_not_caught_up_with_is_marked_and_not_dropped(world: World) -> None:
    world.search.add(DONE.job_name, NOON, status="InProgress")
    world.writer.take("blobs", STAMP)
    assert world.rows("trials", "grid_index, search_state, objective_value") == [
        (0, "behind", 0.1),
        (1, "absent", 0.4),  # it runs: the value is its curve's
    ]
    assert world.rows("final_metrics", "name, value, min") == [("validation:error", 0.1, None)]
    assert world.rows("experiments", "search_behind_count, search_error") == [(2, None)]


def test_search_is_asked_for_what_changed_since_and_once_more_for_what_it_missed(world: World) -> None:
    world.search.add(DONE.job_name, DONE.ended_at or NOON, validation_error=0.1)
    world.writer.take("blobs", STAMP)
    world.writer.take("blobs", LATER)
    assert world.search.asked[1] == ("gridwatch-blobs", STAMP.as_of - timedelta(minutes=15))
    assert world.rows("final_metrics", "min") == [(0.1,)], "what was known before stays known"

    world.store.update_trial(
        replace(RUNNING, state=TrialState.COMPLETED, status="Completed", ended_at=NOON), expected=RUNNING
    )
    world.writer.take("blobs", LATER)
    assert world.search.asked[2][1] == NOON - timedelta(minutes=15), "it was not there when it should have been"


def test_a_search_that_does_not_answer_takes_no_snapshot_away(world: World) -> None:
    world.search.add(DONE.job_name, NOON, validation_error=0.1)
    world.writer.take("blobs", STAMP)
    world.search.error = ThrottledError("Rate exceeded")
    report = world.writer.take("blobs", LATER)
    assert report.search_error == "Rate exceeded"
    assert world.rows("trials", "search_state") == [("unread",), ("unread",)]
    assert world.rows("experiments", "search_error") == [("Rate exceeded",)]
    assert world.rows("final_metrics", "min") == [(0.1,)]
