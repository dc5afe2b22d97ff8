"""A snapshot from the store and the tensors to Parquet: read back with DuckDB."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import DigestExperiment
from gridwatch.savings.prices import PriceTable
from gridwatch.state.memory import MemoryStore
from gridwatch.tables import schemas
from gridwatch_rules.failures import TransientError
from gridwatch_rules.tensors.source import ByteRange
from snapshot_experiment.batch import BatchRunner
from snapshot_experiment.history import History
from snapshot_experiment.publishing import ReportPublisher
from snapshot_experiment.requests import Batch
from snapshot_experiment.searching import SearchReader
from snapshot_experiment.snapshot import SnapshotReport, SnapshotWriter, UnknownExperimentError
from tests.fakes.components import FakeSearch
from tests.fakes.queues import FakeQueue
from tests.fakes.table_bucket import FakeTableBucket
from tests.tensor_folder import MemorySource, TensorFolder
from tests.unit.tables.facts_of import LOSS_RULE, NOON, STAMP, a_trial, an_experiment

HOUR = timedelta(hours=1)


@dataclass
class Pages:
    """A PageBucket in memory."""

    pages: dict[str, str] = field(default_factory=dict)
    replayed: dict[str, str | None] = field(default_factory=dict)

    def put_experiment(self, experiment: str, page: str, replayed: str | None) -> str:
        self.pages[experiment], self.replayed[experiment] = page, replayed
        return f"s3://pages/{experiment}"


class World:
    """A store with experiments, their jobs' tensors, a bucket, and the writer over them."""

    def __init__(self, folder: Path) -> None:
        self.store, self.bucket, self._folder = MemoryStore(), FakeTableBucket(), folder
        self.tensors: dict[str, TensorFolder] = {}
        self.unreachable = False
        self.alert_queue = FakeQueue()
        alerts = AlertOutbox(self.store, self.alert_queue)
        self.pages = Pages()
        publisher = ReportPublisher(self.pages, lambda job: MemorySource({}), PriceTable.built_in)
        self.search = FakeSearch()
        self.opened: list[str] = []
        self.writer = SnapshotWriter(
            store=self.store,
            open_tensors=self._open,
            search=SearchReader(self.search, self.bucket),
            bucket=self.bucket,
            alerts=alerts,
            reports=publisher,
        )

    def add(self, *trials: TrialRecord, updated_at: datetime = NOON) -> None:
        name = trials[0].experiment
        self.store.put_experiment(replace(an_experiment(*trials), name=name, updated_at=updated_at))
        self.store.add_trials(trials)
        for trial in trials:
            self.store.put_job(_job(trial))
            self.tensors[trial.job_name] = TensorFolder({"metrics": ["error"]})

    def rows(self, table: str, columns: str = "*", experiment: str = "blobs") -> list[tuple[Any, ...]]:
        file = self._folder / "read.parquet"
        file.write_bytes(self.bucket.objects[f"tables/{table}/{experiment}.parquet"])
        with duckdb.connect() as connection:
            return connection.execute(f"SELECT {columns} FROM read_parquet('{file}') ORDER BY ALL").fetchall()

    def _open(self, job_name: str, job: JobRecord | None) -> MemorySource:
        self.opened.append(job_name)
        return Unreachable({}) if self.unreachable else self.tensors[job_name].source()


class Unreachable(MemorySource):
    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Sequence[str]:
        raise TransientError("the network is down")

    def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
        raise TransientError("the network is down")


def _job(trial: TrialRecord) -> JobRecord:
    return JobRecord(
        job_name=trial.job_name,
        experiment=trial.experiment,
        trial_id=trial.trial_id,
        attempt=1,
        policies=(LOSS_RULE,),
        hyperparameters=trial.hyperparameters,
        objective_metric="validation:error",
        objective_direction="minimize",
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_snapshot_holds_what_the_store_and_the_tensors_hold(world: World) -> None:
    done, stopped = a_trial(0), a_trial(1, state=TrialState.STOPPED, status="Stopped")
    world.add(done, stopped)
    for step in (0, 2):
        world.tensors[done.job_name].save(step, {"train-error": [0.5 - step / 10]})
    finding = {"step": 2, "tensor": "train-error", "observed": 0.3, "threshold": 0.2, "sentence": "it stands still"}
    world.store.put_rule_evaluation(
        RuleEvaluationRecord(
            job_name=stopped.job_name,
            rule_name="loss",
            status="IssuesFound",
            details="d",
            finding=finding,
            updated_at=NOON,
        )
    )
    world.store.claim_reaction(
        ReactionRecord(
            job_name=stopped.job_name,
            rule_name="loss",
            experiment="blobs",
            trial_id=stopped.trial_id,
            action="stop",
            reason="the spec asks for it",
            outcome="stop requested",
            alert_id="a",
            finding=finding,
            decided_at=NOON,
        ),
        until=NOON,
    )

    report = world.writer.take("blobs", STAMP)

    assert report.complete
    assert world.rows("trials", "grid_index, state, objective_value, complete") == [
        (0, "completed", 0.1, True),
        (1, "stopped", 0.11, True),
    ]
    assert world.rows("metrics", "job_name, source, step, value, objective") == [
        (done.job_name, "hook", 0, 0.5, False),
        (done.job_name, "hook", 2, pytest.approx(0.3), False),
        (done.job_name, "sagemaker", 0, 0.1, True),  # of the objective there is the last value alone
        (done.job_name, "sagemaker", 0, 0.5, False),
        (stopped.job_name, "sagemaker", 0, 0.11, True),
        (stopped.job_name, "sagemaker", 0, 0.5, False),
    ]
    assert world.rows("rule_evaluations", "job_name, status") == [
        (done.job_name, None),
        (stopped.job_name, "IssuesFound"),
    ]
    assert world.rows("findings", "step, observed, action, outcome") == [(2, 0.3, "stop", "stop requested")]
    assert world.rows("final_metrics", "count(*)") == [(4,)]
    assert world.rows("experiments", "trial_count, completed_count, stopped_count, metric_count, complete") == [
        (2, 1, 1, 6, True)
    ]


def test_every_row_of_every_table_carries_the_snapshot(world: World) -> None:
    world.add(a_trial(0))
    world.tensors[a_trial(0).job_name].save(0, {"train-error": [0.5]})
    counts = world.writer.take("blobs", STAMP).row_counts
    for table in schemas.TABLES:
        found = world.rows(table.name, "snapshot_id, as_of, experiment")
        assert len(found) == counts[table.name]
        assert set(found) <= {(STAMP.snapshot_id, STAMP.as_of.replace(tzinfo=None), "blobs")}


def test_one_object_for_each_table_and_experiments_last(world: World) -> None:
    world.add(a_trial(0))
    world.writer.take("blobs", STAMP)
    assert sorted(world.bucket.puts) == sorted(f"tables/{table.name}/blobs.parquet" for table in schemas.TABLES)
    assert world.bucket.puts[-1] == "tables/experiments/blobs.parquet"


def test_tensors_that_cannot_be_reached_change_no_table(world: World) -> None:
    world.add(a_trial(0))
    world.unreachable = True
    with pytest.raises(TransientError):
        world.writer.take("blobs", STAMP)
    assert world.bucket.puts == []


def test_a_trial_whose_job_was_never_created_has_no_curves_to_wait_for(world: World) -> None:
    world.add(a_trial(0, state=TrialState.REFUSED, status=None, reason="quota"))
    world.unreachable = True
    assert world.writer.take("blobs", STAMP).complete


def test_nothing_is_recorded_under_the_name(world: World) -> None:
    with pytest.raises(UnknownExperimentError, match="'nothing'"):
        world.writer.take("nothing", STAMP)


def test_changed_are_those_never_written_and_those_that_changed_too_late_to_be_read(world: World) -> None:
    at = NOON + 5 * HOUR
    for name, changed in (("never", NOON), ("settled", at - HOUR), ("meanwhile", at - HOUR / 10), ("after", at + HOUR)):
        world.add(replace(a_trial(0, experiment=name), updated_at=changed))
    world.bucket.times = {f"tables/experiments/{name}.parquet": at for name in ("settled", "meanwhile", "after")}
    assert list(world.writer.changed_experiments()) == ["never", "meanwhile", "after"]


def test_a_trial_that_cannot_be_counted_keeps_no_other_experiment_from_its_turn(world: World) -> None:
    for name in ("damaged", "sound"):
        world.add(a_trial(0, experiment=name))
    damaged = a_trial(0, experiment="damaged")
    world.store.trials["damaged", damaged.trial_id] = replace(damaged, former_seconds=math.inf)
    assert list(world.writer.changed_experiments()) == ["sound", "damaged"]


@dataclass
class Notes:
    """A Journal that remembers."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def taken(self, report: SnapshotReport) -> None:
        self.told.append(("taken", report.experiment))

    def day_closed(self, rows: int) -> None:
        self.told.append(("day closed", str(rows)))

    def refused(self, subject: str, reason: str) -> None:
        self.told.append(("refused", subject))

    def failed(self, subject: str, error: Exception) -> None:
        self.told.append(("failed", subject))


class Noon:
    def now(self) -> datetime:
        return NOON

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here sleeps")


def _run(world: World, batch: Batch, *, time_left: float = 900.0) -> tuple[Sequence[str], list[tuple[str, str]]]:
    notes = Notes()
    runner = BatchRunner(world.writer, History(world.bucket), notes, Noon(), "abcdef0123", lambda: time_left)
    return runner.run(batch), notes.told


def test_a_failure_brings_back_only_the_messages_of_its_experiment(world: World) -> None:
    world.add(a_trial(0, status=None))
    world.add(a_trial(0, experiment="digits"))
    world.unreachable = True  # blobs has no tensors to read, digits has
    assert _run(world, Batch({"digits": ["m1", "m2"], "blobs": ["m3"]})) == (
        ["m1", "m2"],
        [("failed", "digits"), ("taken", "blobs")],
    )


def test_what_can_never_succeed_is_told_and_does_not_come_again(world: World) -> None:
    batch = Batch({"nothing": ["m1"]}, unreadable={"m2": "no JSON"})
    assert _run(world, batch) == ([], [("refused", "m2"), ("refused", "nothing")])


def test_a_tick_takes_what_changed_but_nothing_twice(world: World) -> None:
    world.add(a_trial(0))
    world.add(a_trial(0, experiment="digits"))
    assert _run(world, Batch({"blobs": ["m1"]}, everything=["m2"])) == ([], [("taken", "blobs"), ("taken", "digits")])


def test_a_tick_begins_nothing_that_it_may_not_finish(world: World) -> None:
    world.add(a_trial(0))
    assert _run(world, Batch(everything=["m1"]), time_left=30.0) == ([], [])


def test_how_an_experiment_ended_is_told_once_its_tables_are_there(world: World) -> None:
    done, waits = a_trial(0), a_trial(1, state=TrialState.WAITING, status=None)
    world.add(done, waits)
    world.writer.take("blobs", STAMP)
    assert world.alert_queue.messages == []

    world.store.update_trial(replace(waits, state=TrialState.CANCELLED), expected=waits)
    world.writer.take("blobs", STAMP)
    assert world.alert_queue.messages == [DigestExperiment("blobs")]
    assert world.bucket.puts[-1].startswith("tables/experiments/")

    world.bucket.objects.clear()  # nothing to carry over, so that tensors are read
    world.unreachable = True
    with pytest.raises(TransientError):
        world.writer.take("blobs", STAMP)
    assert world.alert_queue.messages == [DigestExperiment("blobs")] * 2


def test_what_a_stop_saved_is_corrected_when_its_job_is_over(world: World) -> None:
    """Ten rounds of a second were done when the stop was decided, thirty when the job heard of it, of a hundred."""
    start = NOON.timestamp()
    stopped = a_trial(
        0, state=TrialState.STOPPED, status="Stopped", hyperparameters={"num_round": 100}, started_at=NOON,
        ended_at=NOON + timedelta(seconds=45), instance_type="ml.m5.large", instance_count=1,
    )  # fmt: skip
    world.add(stopped)
    world.store.put_job(replace(_job(stopped), hyperparameters={"num_round": 100}))
    tensors = world.tensors[stopped.job_name]
    tensors.began = start + 10
    for step in range(30):
        tensors.save(step, {"error": [0.5]})
    savings = SavingsRecord(
        seconds=90.0, cost=0.09, currency="USD", method="progress: 10 of 100 rounds were done", price_per_hour=3.6,
        price_source="a test", hourly=3.6, bound="about", longest_seconds=3_600,
    )  # fmt: skip
    reaction = ReactionRecord(
        job_name=stopped.job_name, rule_name="loss", experiment="blobs", trial_id=stopped.trial_id, action="stop",
        reason="", outcome="stop requested", alert_id=None, finding=None, decided_at=NOON + timedelta(seconds=20),
        carried_out_at=NOON + timedelta(seconds=21), savings=savings,
    )  # fmt: skip
    world.store.claim_reaction(reaction, until=NOON)
    world.writer.take("blobs", STAMP)
    (kept,) = world.store.list_reactions(stopped.job_name)
    assert kept.savings is not None
    assert (kept.savings.seconds, kept.savings.cost) == (70.0, pytest.approx(0.07))
    columns = "saved_seconds, saved_certainty, saved_bound, saved_method"
    assert world.rows("findings", columns) == [(70.0, "corrected", "about", "progress: 30 of 100 rounds were done")]
    world.writer.take("blobs", STAMP)
    assert world.store.list_reactions(stopped.job_name) == [kept]


def test_the_page_about_an_experiment_comes_when_it_has_ended(world: World) -> None:
    done, running = a_trial(0), a_trial(1, state=TrialState.RUNNING, status="InProgress", ended_at=None)
    world.add(done, running)
    world.tensors[done.job_name].save(0, {"error": [0.25]})
    world.writer.take("blobs", STAMP)
    assert world.pages.pages == {}
    world.store.update_trial(replace(running, state=TrialState.STOPPED, status="Stopped"), expected=running)
    world.writer.take("blobs", STAMP)
    page = world.pages.pages["blobs"]
    assert f"snapshot {STAMP.snapshot_id}" in page
    assert done.trial_id in page


def test_a_page_that_cannot_be_kept_leaves_the_tables_and_the_digest(world: World) -> None:
    world.add(a_trial(0))

    def refuse(experiment: str, page: str, replayed: str | None) -> str:
        raise TransientError("not now")

    world.pages.put_experiment = refuse  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        world.writer.take("blobs", STAMP)
    assert world.rows("trials", "trial_id")
    assert world.alert_queue.messages == [DigestExperiment("blobs")]
