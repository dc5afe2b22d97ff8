"""Stories of many who ask for the tables of one experiment: one writes at a time, and nobody's news is left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gridwatch.domain.experiments import SnapshotTurn
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import SnapshotExperiment
from gridwatch.state.memory import MemoryStore
from gridwatch.state.unreadable import UnreadableRecordError
from gridwatch.tables.facts import Stamp
from gridwatch_rules.failures import ThrottledError
from snapshot_experiment.batch import BatchRunner
from snapshot_experiment.history import History
from snapshot_experiment.requests import FOLLOWS, Batch, parse_batch
from snapshot_experiment.snapshot import SnapshotReport
from snapshot_experiment.turns import Turns
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakeQueue
from tests.fakes.table_bucket import FakeTableBucket
from tests.unit.snapshot_experiment.test_snapshot import Notes, World
from tests.unit.tables.facts_of import NOON, STAMP, a_trial

ASKED = [SnapshotExperiment("blobs")]


@dataclass
class Cloud:
    """Invocations that take `seconds` for a snapshot, during which `meanwhile` happens."""

    seconds: float = 100.0
    store: MemoryStore = field(default_factory=MemoryStore)
    queue: FakeQueue = field(default_factory=FakeQueue)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    began: list[datetime] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    error: BaseException | None = None
    invocations: int = 0

    def take(self, experiment: str, stamp: Stamp, time_is_up: Callable[[], bool]) -> SnapshotReport:
        self.began.append(self.clock.now())
        self.clock.advance(self.seconds)
        happens, self.meanwhile = self.meanwhile, lambda: None
        happens()
        if self.error is not None:
            raise self.error
        return SnapshotReport(experiment, stamp.snapshot_id, {}, complete=True, damaged=())

    def changed_experiments(self) -> Sequence[str]:
        return ["blobs"]

    def call(self, *, everything: bool = False, asked: datetime | None = None, left: float = 300.0) -> Sequence[str]:
        """One invocation for a message that was sent just now, or `asked` for then."""
        self.invocations += 1
        name, ends = f"call-{self.invocations}", self.clock.now() + timedelta(seconds=left)
        runner = BatchRunner(
            snapshots=self, history=History(FakeTableBucket()), journal=Notes(), clock=self.clock, request_id=name,
            time_left=lambda: (ends - self.clock.now()).total_seconds(),  # noqa: PLW0108  the clock moves
            turns=Turns(store=self.store, queue=self.queue, clock=self.clock, holder=name),
        )  # fmt: skip
        if everything:
            return runner.run(Batch(everything=["tick"]))
        return runner.run(Batch({"blobs": ["m1"]}, asked={"blobs": asked or self.clock.now()}))

    def messages(self) -> list[tuple[str, int]]:
        """What was sent, with the delays."""
        return [(type(message).__name__, delay) for message, delay in self._sent()]

    def _sent(self) -> list[tuple[object, int]]:
        return list(zip(self.queue.messages, self.queue.delays, strict=True))


def test_who_comes_while_another_writes_leaves_it_to_one_message() -> None:
    cloud = Cloud()
    cloud.meanwhile = lambda: [cloud.call() for _ in range(500)] and None  # type: ignore[func-returns-value]
    assert cloud.call() == []
    assert cloud.began == [NOON], "nobody wrote beside it"
    # One in case that the writer dies, and one when its turn was over, later by as long as it took.
    assert cloud.queue.messages == ASKED * 2
    assert cloud.queue.delays == [300 - 100 + 10, 100]
    cloud.clock.advance(100)
    cloud.call()
    assert len(cloud.began) == 2
    assert cloud.queue.messages == ASKED * 2, "nobody came while that one was written"


def test_a_thousand_ends_in_an_hour_make_as_many_snapshots_as_half_of_the_time_holds() -> None:
    cloud = Cloud(seconds=170.0)
    due: list[datetime] = []
    for end in range(1_000):
        at = NOON + timedelta(seconds=3.6 * end)
        while due and min(due) <= at:
            _deliver(cloud, due, min(due))
        cloud.clock.time = max(cloud.clock.now(), at)
        _deliver(cloud, due, at, asked=at)
    while due:
        _deliver(cloud, due, min(due))
    hour = timedelta(hours=1) / timedelta(seconds=170)
    assert len(cloud.began) <= hour / 2 + 2
    assert cloud.began[-1] >= NOON + timedelta(seconds=3_597), "the last end is in the tables"


def _deliver(cloud: Cloud, due: list[datetime], at: datetime, asked: datetime | None = None) -> None:
    if asked is None:
        due.remove(at)
    cloud.clock.time = max(cloud.clock.now(), at)
    before, now = len(cloud.queue.messages), cloud.clock.now()
    cloud.call(asked=asked)
    due += [max(now, cloud.clock.now()) + timedelta(seconds=delay) for delay in cloud.queue.delays[before:]]


def test_what_was_asked_before_the_last_snapshot_began_is_answered_by_it() -> None:
    cloud = Cloud()
    cloud.call()
    cloud.clock.advance(1_000)
    assert cloud.call(asked=NOON - timedelta(seconds=1)) == []
    assert cloud.began == [NOON]
    assert cloud.queue.messages == []
    cloud.call(asked=NOON + timedelta(seconds=1))
    assert len(cloud.began) == 2


def test_an_invocation_that_dies_keeps_its_turn_no_longer_than_it_could_have_lasted() -> None:
    cloud = Cloud(error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        cloud.call()
    cloud.error = None
    cloud.call()
    assert len(cloud.began) == 1
    (delay,) = cloud.queue.delays
    cloud.clock.advance(delay)
    cloud.call()
    assert len(cloud.began) == 2


def test_a_snapshot_that_fails_gives_its_turn_back_at_once() -> None:
    cloud = Cloud(error=ThrottledError("too fast"))
    assert cloud.call() == ["m1"]
    cloud.error = None
    assert cloud.call() == []
    assert len(cloud.began) == 2


def test_who_lost_its_turn_takes_nothing_from_the_one_that_has_it() -> None:
    cloud = Cloud(seconds=400.0)  # a clock that was set, say
    cloud.meanwhile = lambda: cloud.call() and None
    cloud.call()
    assert len(cloud.began) == 2
    turn = cloud.store.turns["blobs"]
    assert turn.as_of == cloud.began[1]
    assert turn.holder is None


def test_a_tick_waits_for_its_turn_as_well() -> None:
    cloud = Cloud()
    cloud.meanwhile = lambda: cloud.call(everything=True) and None
    cloud.call()
    assert cloud.began == [NOON]


def test_who_has_no_time_to_begin_asks_for_another_call() -> None:
    cloud = Cloud()
    assert cloud.call(left=60.0) == []
    assert cloud.began == []
    assert cloud.queue.messages == ASKED


def test_a_message_asks_for_what_follows_from_it_too() -> None:
    def record(name: str, body: str, sent: datetime | None) -> dict[str, object]:
        attributes = {"SentTimestamp": str(round(sent.timestamp() * 1000))} if sent else {}
        return {"messageId": name, "body": body, "attributes": attributes}

    def ask(name: str, **more: str) -> str:
        return json.dumps({"type": "SnapshotExperiment", "experiment": name, **more})

    later = NOON + timedelta(seconds=30)
    batch = parse_batch({"Records": [
        record("1", ask("blobs"), NOON), record("2", ask("blobs"), later), record("3", ask("moons"), None),
        record("4", ask("live", since=later.isoformat()), NOON),
        record("5", ask("odd", since="yesterday"), NOON), record("6", ask("odd", since="2026-03-01T12:00:00"), NOON),
    ]})  # fmt: skip
    assert batch.asked == {"blobs": later + FOLLOWS, "live": later}
    assert batch.experiments.keys() == {"blobs", "moons", "live", "odd"}


class TestInParts:
    """A snapshot that has no time for all jobs' curves, as the first one after a loss of everything."""

    COUNT, ROWS = 7, 3  # two of the curve, and one of a final metric

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        world = World(tmp_path)
        world.add(*(a_trial(number) for number in range(self.COUNT)))
        for folder in world.tensors.values():
            folder.save(0, {"validation-error": [0.5]})
            folder.save(2, {"validation-error": [0.4]})
        return world

    def take(self, world: World, number: int, jobs: int) -> SnapshotReport:
        """With the time for so many jobs."""
        before = len(world.opened)
        stamp = replace(STAMP, snapshot_id=f"part-{number}", as_of=STAMP.as_of + timedelta(minutes=number))
        return world.writer.take("blobs", stamp, lambda: len(world.opened) >= before + jobs)

    def test_each_call_goes_on_where_the_last_one_ended(self, world: World) -> None:
        unread = [self.take(world, number, 3).unread for number in range(3)]
        assert unread == [4, 1, 0]
        assert len(world.opened) == len(set(world.opened)) == self.COUNT, "none is read twice"
        assert len(world.rows("metrics")) == self.ROWS * self.COUNT
        assert {complete for (complete,) in world.rows("trials", "metrics_complete")} == {True}

    def test_what_was_not_read_again_keeps_the_rows_that_it_had(self, world: World) -> None:
        self.take(world, 0, self.COUNT)
        runs = replace(world.store.trials["blobs", "0000000003"], state=TrialState.RUNNING, ended_at=None)
        world.store.trials["blobs", "0000000003"] = runs
        report = self.take(world, 1, 0)
        assert report.unread == 1
        assert not report.complete
        assert len(world.rows("metrics")) == self.ROWS * self.COUNT

    def test_the_next_call_is_asked_for_at_once(self, world: World) -> None:
        queue, clock = FakeQueue(), FakeClock(NOON)
        left = iter([300.0] * 4 + [10.0] * 100)
        runner = BatchRunner(
            snapshots=world.writer, history=History(world.bucket), journal=Notes(), clock=clock, request_id="one",
            time_left=lambda: next(left), turns=Turns(store=world.store, queue=queue, clock=clock, holder="one"),
        )  # fmt: skip
        assert runner.run(Batch({"blobs": ["m1"]})) == []
        assert 0 < len(world.opened) < self.COUNT
        assert queue.messages == ASKED
        assert queue.delays == [0]
        assert world.store.turns["blobs"].as_of is None, "the tables are not whole"


def test_a_turn_that_cannot_be_read_keeps_no_table_from_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(experiment: str) -> SnapshotTurn | None:
        raise UnreadableRecordError(f"experiment#{experiment} snapshot", "it is no JSON")

    cloud = Cloud()
    monkeypatch.setattr(cloud.store, "get_turn", unreadable)
    assert cloud.call() == []
    assert len(cloud.began) == 1
    assert cloud.store.turns == {}
