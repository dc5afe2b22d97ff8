"""What is over is not looked at again: an experiment costs the schedule and the lists only while it is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.state_table import StateTable
from gridwatch.cli.errors import CliError
from gridwatch.cli.experiments import summaries
from gridwatch.cli.looking.search import search
from gridwatch.cli.looking.trials import OF_EACH, find_trial, flat
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.steering import Steering
from gridwatch.state.open_experiments import enlist
from snapshot_experiment.publishing import ReportPublisher
from snapshot_experiment.searching import SearchReader
from snapshot_experiment.snapshot import SnapshotWriter
from tests.fakes.clock import FakeClock
from tests.fakes.components import FakeSearch
from tests.fakes.counting_table import Count, CountingTable
from tests.fakes.queues import FakeQueue
from tests.fakes.table_bucket import FakeTableBucket
from tests.fakes.training import FakeTraining
from tests.tensor_folder import MemorySource
from tests.unit.tables.facts_of import NOON, a_trial, an_experiment

HOUR = timedelta(hours=1)


class CountingBucket(FakeTableBucket):
    listed = 0

    def written_at(self, prefix: str) -> Any:
        self.listed += 1
        return super().written_at(prefix)


class World:
    """Experiments of some trials each, all over since noon."""

    def __init__(self, experiments: int, trials: int = 3) -> None:
        self.table, self.bucket, self.clock = CountingTable(), CountingBucket(), FakeClock(NOON + 2 * HOUR)
        self.store = StateTable("state", dynamodb=self.table)
        self.names = [f"grid-{number:05d}" for number in range(experiments)]
        for name in self.names:
            self.add(name, *(self.trial(name, index) for index in range(trials)))
        self.writer = SnapshotWriter(
            store=self.store,
            open_tensors=lambda name, job: MemorySource({}),
            search=SearchReader(FakeSearch(), self.bucket),
            bucket=self.bucket,
            alerts=AlertOutbox(self.store, FakeQueue()),
            reports=ReportPublisher(None, None, None),  # type: ignore[arg-type]
        )

    @staticmethod
    def trial(name: str, index: int, **changes: Any) -> TrialRecord:
        return a_trial(index, experiment=name, **changes)

    def add(self, name: str, *trials: TrialRecord) -> None:
        self.store.put_experiment(replace(an_experiment(*trials), name=name))
        self.store.add_trials(trials)

    def forget_what_is_new(self) -> None:
        """The records as a version without open experiments and counts left them."""
        for key, item in list(self.table.items.items()):
            if key[1].startswith("counts"):
                self.table.remove(key)
            elif "gsi2pk" in item:
                kept = {name: value for name, value in item.items() if name not in ("gsi2pk", "gsi2sk")}
                self.table.put_item(TableName="state", Item=kept)

    def snapshots_were_taken(self, at: datetime) -> None:
        self.bucket.times |= {f"tables/experiments/{name}.parquet": at for name in self.names}

    def tick(self) -> tuple[list[str], Count]:
        count, self.bucket.listed = self.table.start(), 0
        return list(self.writer.changed_experiments()), count

    @property
    def open(self) -> list[str]:
        return [record.name for record in self.store.open_experiments()]


@pytest.mark.parametrize("experiments", [10, 300])
def test_a_tick_after_a_year_looks_at_what_is_open_alone(experiments: int) -> None:
    world = World(experiments)
    world.snapshots_were_taken(NOON + HOUR)
    waiting, _ = world.tick()
    assert waiting == []
    assert world.open == [], "they are over, and a snapshot has read them"
    world.add("one-more", world.trial("one-more", 0, state=TrialState.RUNNING, status="InProgress", ended_at=None))
    waiting, count = world.tick()
    assert waiting == ["one-more"]
    assert count.total <= 10, dict(count.requests)
    assert world.bucket.listed == 1


def test_what_no_snapshot_has_read_whole_stays_open() -> None:
    world = World(2)
    assert world.tick()[0] == world.names
    world.snapshots_were_taken(NOON + timedelta(minutes=10))  # news came while it may have been reading
    assert world.tick()[0] == world.names
    assert world.open == world.names


def test_an_experiment_that_is_not_over_stays_open() -> None:
    world = World(0)
    world.names = ["runs"]
    world.add("runs", world.trial("runs", 0, state=TrialState.RUNNING))
    world.snapshots_were_taken(NOON + HOUR)
    assert world.tick()[0] == []
    assert world.open == ["runs"]


def test_a_retry_opens_an_experiment_again() -> None:
    world = World(1)
    (name,) = world.names
    (first, *_) = world.store.list_trials(name)
    world.store.update_trial(replace(first, state=TrialState.FAILED), expected=first)
    world.snapshots_were_taken(NOON + HOUR)
    world.tick()
    assert summaries(world.store)[0]["failed"] == 1
    closed = world.store.get_experiment(name)
    assert closed is not None
    assert closed.final_states == {"completed": 2, "failed": 1}
    steering(world).retry(closed, {TrialState.FAILED})
    assert world.open == [name]
    assert summaries(world.store)[0]["finished"] == 2


def test_a_new_upload_opens_an_experiment_again() -> None:
    world = World(1)
    world.snapshots_were_taken(NOON + HOUR)
    world.tick()
    assert world.open == []
    later = replace(an_experiment(), name=world.names[0], uploaded_at=NOON + HOUR, spec_version="v2")
    world.store.put_experiment(later)
    assert world.open == world.names


def test_a_trial_that_begins_again_unnoticed_is_found_by_its_state() -> None:
    """A version that knows nothing of open experiments retried it, or it was closed at that very moment."""
    world = World(2)
    world.snapshots_were_taken(NOON + HOUR)
    world.tick()
    (first, *_) = world.store.list_trials(world.names[1])
    world.store.update_trial(replace(first, state=TrialState.WAITING, updated_at=NOON + 2 * HOUR), expected=first)
    assert world.tick()[0] == [world.names[1]]
    assert world.open == [world.names[1]]


def test_an_experiment_that_was_changed_meanwhile_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(1)
    world.snapshots_were_taken(NOON + HOUR)
    before = world.store.get_experiment(world.names[0])
    assert before is not None
    late = replace(before, spec_version="v2", uploaded_at=NOON + HOUR)
    monkeypatch.setattr(world.store, "open_experiments", lambda: iter([before]))
    world.store.put_experiment(late)
    world.tick()
    assert world.store.get_experiment(world.names[0]) == late


def steering(world: World) -> Steering:
    return Steering(
        store=world.store, training=FakeTraining(world.clock), start_queue=FakeQueue(fifo=True),
        snapshot_queue=FakeQueue(), clock=world.clock, tell=lambda line: None,
    )  # fmt: skip


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("experiments", [10, 300])
def test_the_list_of_experiments(experiments: int, closed: bool) -> None:
    world = World(experiments)
    if closed:
        world.snapshots_were_taken(NOON + HOUR)
        world.tick()
    count = world.table.start()
    rows = summaries(world.store)
    assert {(row["trials"], row["finished"], row["failed"]) for row in rows} == {(3, 3, 0)}
    assert len(rows) == experiments
    assert count.total <= 2 + 2 * count.megabytes, dict(count.requests)


@pytest.mark.parametrize("experiments", [10, 300])
def test_what_a_former_version_had_over_is_closed_once(experiments: int) -> None:
    world = World(experiments)
    world.forget_what_is_new()
    world.snapshots_were_taken(NOON + HOUR)
    assert world.open == []
    before = summaries(world.store)
    assert {(row["trials"], row["finished"], row["failed"]) for row in before} == {(3, 3, 0)}
    world.tick()
    assert world.open == []
    kept = world.store.get_experiment(world.names[-1])
    assert kept is not None
    assert kept.final_states == {"completed": 3}
    assert summaries(world.store) == [{**row, "saved_hours": 0.0} for row in before]
    _, count = world.tick()
    assert count.total <= 10, dict(count.requests)
    assert world.bucket.listed == 0


def test_experiments_of_former_versions_are_listed_in_parts() -> None:
    world = World(0)
    for number in range(7):
        name = f"grid-{number}"
        made = replace(an_experiment(), name=name, created_at=NOON + timedelta(seconds=number // 2))
        world.store.put_experiment(made)
        world.names.append(name)
    world.forget_what_is_new()
    sizes = []
    for _ in range(20):
        enlist(world.store, most=3)
        sizes.append(len(world.open))
        known = world.store.get_enlisted()
        assert known is not None
        if known.is_whole:
            break
    assert sizes[0] == 3
    assert sizes[-1] == 7


@pytest.mark.parametrize("experiments", [10, 300])
def test_searching_all_experiments(
    experiments: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(experiments)
    monkeypatch.setattr("gridwatch.cli.looking.search.cloud_of", lambda context: SimpleNamespace(store=world.store))
    count = world.table.start()
    search(None, ["index=2"], as_csv=True)  # type: ignore[arg-type]
    assert len(capsys.readouterr().out.splitlines()) == experiments + 1
    assert count.total <= 30 + 2 * count.megabytes, dict(count.requests)


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (["state=failed"], 1), (["state=refused"], 0), (["state=failed", "eta=0.2"], 1),
        (["experiment~grid-00007"], 9), (["experiment~grid-00007", "state=failed"], 1),
        (["state=failed", "index=3"], 0),
    ],
)  # fmt: skip
def test_searching_by_what_is_counted_reads_no_other_trials(
    conditions: list[str], found: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(200, trials=9)
    first, *_ = world.store.list_trials(world.names[7])
    after = replace(first, state=TrialState.FAILED, updated_at=first.updated_at + HOUR)
    world.store.update_trial(after, expected=first)
    monkeypatch.setattr("gridwatch.cli.looking.search.cloud_of", lambda context: SimpleNamespace(store=world.store))
    needed = world.table.start()
    world.store.list_experiments()
    world.store.list_counts()
    world.store.list_trials(world.names[7])
    count = world.table.start()
    search(None, conditions, as_csv=True)  # type: ignore[arg-type]
    assert len(capsys.readouterr().out.splitlines()) == found + 1
    assert count.megabytes <= needed.megabytes
    assert count.total <= 12, dict(count.requests)


def test_of_few_experiments_those_are_read_that_have_such_trials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(20)
    first, *_ = world.store.list_trials(world.names[7])
    after = replace(first, state=TrialState.FAILED, updated_at=first.updated_at + HOUR)
    world.store.update_trial(after, expected=first)
    monkeypatch.setattr("gridwatch.cli.looking.search.cloud_of", lambda context: SimpleNamespace(store=world.store))
    count = world.table.start()
    search(None, ["state=failed"], as_csv=True)  # type: ignore[arg-type]
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert count.requests == {"Query": 3}, "the experiments, their counts, and the trials of one"


def test_a_name_that_the_trials_of_a_state_lack_is_looked_for_in_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(2)
    world.add("other", world.trial("other", 0, state=TrialState.FAILED, final_metrics={}))
    monkeypatch.setattr("gridwatch.cli.looking.search.cloud_of", lambda context: SimpleNamespace(store=world.store))
    search(None, ["state=failed", "validation:error<1"], as_csv=True)  # type: ignore[arg-type]
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(CliError, match="nothing is called 'etaa' here; did you mean eta"):
        search(None, ["state=refused", "etaa<1"], as_csv=True)  # type: ignore[arg-type]
    (_, trial) = world.store.get_experiment("other"), world.store.list_trials("other")[0]
    record = world.store.get_experiment("other")
    assert record is not None
    assert flat(record, trial).keys() >= OF_EACH


def test_finding_a_trial_by_its_id_among_all() -> None:
    world = World(300)
    world.add("other", world.trial("other", 0, trial_id="feedbeef00"))
    count = world.table.start()
    assert find_trial(world.store, "feedbeef").experiment.name == "other"
    assert count.total <= 30 + 2 * count.megabytes, dict(count.requests)
