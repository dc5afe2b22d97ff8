"""Hook and log of one job in the tables: each its own points, one curve of the objective, and none lost."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from gridwatch.domain.trials import TrialState
from gridwatch.tables import curves, schemas
from gridwatch.tables.facts import Point
from gridwatch.tables.parquet import write_parquet
from gridwatch.tables.rows import metric_rows
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.metric_definition import LogMetric
from gridwatch_rules.tensors.modes import Mode
from snapshot_experiment.curve_table import LogStreams
from tests.tensor_folder import TensorFolder
from tests.unit.snapshot_experiment.test_snapshot import World
from tests.unit.tables.facts_of import NOON, STAMP, a_trial

LOG_METRICS = (LogMetric(name="validation:error", regex="e=(.*)"), LogMetric(name="lr", regex="lr=(.*)"))


class Streams(World):
    """A world whose jobs have logs too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.logs: dict[str, TensorFolder] = {}
        self.closed: set[str] = set()
        self.writer._logs = LogStreams(lambda job: self.logs[job].source(), lambda job: job in self.closed)

    def add_job(self, number: int = 0, **known: object) -> str:
        trial = replace(a_trial(number), final_metrics={}, **known)  # type: ignore[arg-type]
        self.add(trial)
        job = replace(self.store.jobs[trial.job_name], log_metrics=LOG_METRICS, log_apart=True)
        self.store.put_job(job)
        self.logs[trial.job_name] = TensorFolder({"metrics": ["error", "lr"]})
        self.closed.add(trial.job_name)
        return trial.job_name


@pytest.fixture
def world(tmp_path: Path) -> Streams:
    return Streams(tmp_path)


def test_hook_and_log_of_one_name_are_two_curves_and_the_objective_is_one_of_them(world: Streams) -> None:
    job = world.add_job()
    for batch in range(0, 60, 20):
        world.tensors[job].save(batch, {"validation:error": [0.9 - batch / 100]}, mode=Mode.TRAIN)
    for epoch, value in enumerate((0.5, 0.3, 0.4)):
        world.logs[job].save(epoch, {"validation:error": [value], "lr": [0.1]})

    assert world.writer.take("blobs", STAMP).complete

    assert world.rows("metrics", "source, step_axis, name, mode, step, value, objective, worker, thinned") == [
        ("hook", "step", "validation:error", "TRAIN", 0, 0.9, False, "worker_0", False),
        ("hook", "step", "validation:error", "TRAIN", 20, 0.7, False, "worker_0", False),
        ("hook", "step", "validation:error", "TRAIN", 40, 0.5, False, "worker_0", False),
        ("log", "line", "lr", "GLOBAL", 0, 0.1, False, "worker_0", False),
        ("log", "line", "lr", "GLOBAL", 1, 0.1, False, "worker_0", False),
        ("log", "line", "lr", "GLOBAL", 2, 0.1, False, "worker_0", False),
        ("log", "line", "validation:error", "GLOBAL", 0, 0.5, True, "worker_0", False),
        ("log", "line", "validation:error", "GLOBAL", 1, 0.3, True, "worker_0", False),
        ("log", "line", "validation:error", "GLOBAL", 2, 0.4, True, "worker_0", False),
    ]
    figures = "objective_value, objective_best, objective_best_step, objective_source, metric_count"
    assert world.rows("trials", figures) == [(0.4, 0.3, 1, "log", 9)]


def test_train_and_eval_and_several_workers_are_never_one_curve(world: Streams) -> None:
    job = world.add_job()
    world.store.put_job(replace(world.store.jobs[job], log_metrics=()))
    world.tensors[job] = TensorFolder({"metrics": ["error"]}, workers=2)
    for step, (mode, value) in enumerate([(Mode.EVAL, 0.5), (Mode.TRAIN, 0.1), (Mode.EVAL, 0.4), (Mode.TRAIN, 0.05)]):
        for worker in (0, 1):
            values = {"validation-error": [value + worker]}
            world.tensors[job].save(step, values, mode=mode, worker=f"worker_{worker}")
    world.writer.take("blobs", STAMP)
    assert len(world.rows("metrics", "value")) == 8
    chosen = "value, mode, worker) FILTER (objective"
    assert world.rows("metrics", f"list({chosen.replace('value, mode, worker', 'DISTINCT (mode, worker)')})") == [
        ([("EVAL", "worker_0")],)
    ]
    assert world.rows("trials", "objective_best, objective_value, metric_count") == [(0.4, 0.4, 8)]


def test_a_job_that_is_over_is_not_complete_before_its_log_was_read_to_its_end(world: Streams) -> None:
    job = world.add_job()
    world.logs[job].save(0, {"validation:error": [0.5]})
    world.closed.clear()
    report = world.writer.take("blobs", STAMP)
    assert not report.complete
    assert world.rows("trials", "metrics_complete, metric_count") == [(False, 1)]
    world.logs[job].save(1, {"validation:error": [0.4]})
    world.closed.add(job)
    assert world.writer.take("blobs", replace(STAMP, snapshot_id="next")).complete
    assert world.rows("trials", "metrics_complete, metric_count") == [(True, 2)]


def test_while_a_job_runs_its_value_is_the_curves_last(world: Streams) -> None:
    job = world.add_job(state=TrialState.RUNNING, status="InProgress")
    world.logs[job].save(0, {"validation:error": [0.5]})
    world.logs[job].save(1, {"validation:error": [0.6]})
    world.writer.take("blobs", STAMP)
    assert world.rows("trials", "objective_value, objective_best, metrics_complete") == [(0.6, 0.5, False)]


@pytest.mark.parametrize(
    ("final", "best", "step"), [(0.3, 0.3, 1), (0.29999, 0.29999, 1), (0.1, 0.1, 2), (0.9, 0.3, 1)]
)
def test_the_best_is_never_worse_than_the_last(world: Streams, final: float, best: float, step: int) -> None:
    job = world.add_job()
    for place, value in enumerate((0.5, 0.3, 0.4)):
        world.logs[job].save(place, {"validation:error": [value]})
    trial = next(iter(world.store.trials.values()))
    world.store.trials[trial.experiment, trial.trial_id] = replace(trial, final_metrics={"validation:error": final})
    world.writer.take("blobs", STAMP)
    assert world.rows("trials", "objective_value, objective_best, objective_best_step") == [(final, best, step)]


def test_points_of_a_table_of_the_former_schema_are_carried_over(world: Streams, tmp_path: Path) -> None:
    job = world.add_job()
    world.store.put_job(replace(world.store.jobs[job], log_apart=False, log_metrics=()))
    world.tensors[job].save(0, {"validation-error": [0.5]})
    world.writer.take("blobs", STAMP)
    for table, gone in (("metrics", "source, worker, step_axis, objective, thinned"), ("trials", "objective_source")):
        file, key = tmp_path / "old.parquet", f"tables/{table}/blobs.parquet"
        file.write_bytes(world.bucket.objects[key])
        duckdb.sql(f"COPY (SELECT * EXCLUDE ({gone}) FROM read_parquet('{file}')) TO '{file}.2' (FORMAT parquet)")
        world.bucket.objects[key] = Path(f"{file}.2").read_bytes()
    world.tensors[job] = TensorFolder({})  # they have expired
    world.writer.take("blobs", replace(STAMP, snapshot_id="next"))
    assert world.rows("metrics", "source, step_axis, value, objective, snapshot_id") == [
        ("hook", "step", 0.5, True, "next")
    ]


@pytest.mark.parametrize(("most", "kept"), [(100, 100), (1000, 1000)])
def test_long_curves_are_thinned_visibly_with_their_ends_and_extremes(tmp_path: Path, most: int, kept: int) -> None:
    values = [float((step * 7919) % 5003) for step in range(5_000)]
    values[17], values[1_233], values[4_321] = -1.0, 9e9, float("nan")
    path = tmp_path / "metrics.parquet"
    points = [Point("loss", "TRAIN", step, value, NOON, MetricSource.LOG) for step, value in enumerate(values)]
    points += [Point("loss", "EVAL", step, 1.0, NOON, MetricSource.LOG) for step in range(most)]
    write_parquet(
        schemas.METRICS, metric_rows(a_trial(0), points, STAMP), path, finish=lambda found: curves.thin(found, most)
    )
    read = f"FROM read_parquet('{path}') WHERE mode"
    steps = [step for (step,) in duckdb.sql(f"SELECT step {read} = 'TRAIN' ORDER BY step").fetchall()]
    assert {0, 17, 1_233, 4_321, 4_999} <= set(steps)
    assert kept * 0.9 <= len(steps) <= kept + 5
    assert duckdb.sql(f"SELECT bool_and(thinned) {read} = 'TRAIN'").fetchall() == [(True,)]
    assert duckdb.sql(f"SELECT count(*), bool_or(thinned) {read} = 'EVAL'").fetchall() == [(most, False)]


def test_a_curve_of_the_stated_length_is_kept_whole() -> None:
    assert curves.MOST_POINTS == 100_000


def test_the_pages_come_from_the_same_tables(world: Streams) -> None:
    """Of hook and log of one name the report shows both, the objective under its own name."""
    job = world.add_job()
    world.tensors[job].save(0, {"validation:error": [0.9]})
    for epoch in range(3):
        world.logs[job].save(epoch, {"validation:error": [0.5 - epoch / 10]})
    world.writer.take("blobs", STAMP)
    page = world.pages.pages["blobs"]
    assert re.findall(r"<option[^>]*>([^<]*)", page)[:2] == ["validation:error", "validation:error (hook)"]


@pytest.mark.parametrize(("saved", "sources", "whole"), [(3, {"hook"}, "hook"), (2, {"hook", "log"}, "log")])
def test_what_the_log_repeats_hook_is_there_once_unless_it_lacks_some(
    world: Streams, saved: int, sources: set[str], whole: str
) -> None:
    job = world.add_job()
    world.store.put_job(replace(world.store.jobs[job], log_repeats_hook=True))
    for step in range(3):
        if step < saved:
            world.tensors[job].save(step, {"validation:error": [0.512345 - step / 10]})
        world.logs[job].save(step, {"validation:error": [0.51 - step / 10]})
    world.writer.take("blobs", STAMP)
    assert {source for (source,) in world.rows("metrics", "source")} == sources
    assert world.rows("trials", "objective_source") == [(whole,)]


def test_the_best_of_an_objective_that_the_hook_saves_every_tenth_round_is_the_best_of_all_rounds(
    world: Streams,
) -> None:
    job = world.add_job()
    world.store.put_job(replace(world.store.jobs[job], log_repeats_hook=True))
    errors = [0.5 - step / 100 for step in range(26)] + [0.26, 0.27]
    for step, value in enumerate(errors):
        if step % 10 == 0:
            world.tensors[job].save(step, {"validation:error": [value]})
        world.logs[job].save(step, {"validation:error": [value]})
    world.writer.take("blobs", STAMP)
    figures = "objective_value, objective_best, objective_best_step, objective_source"
    assert world.rows("trials", figures) == [(0.27, 0.25, 25, "log")]
