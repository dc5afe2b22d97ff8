"""Stories of holding back: what comes after the first is told together, nothing is lost, and nothing is told twice."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from deliver_alert.delivering import LEASE, Outcome
from deliver_alert.gatekeeping import Wishes
from gridwatch.alerts.content import Alert, Severity, record, trial_failed
from gridwatch.alerts.held import concerned_before
from gridwatch.alerts.launch_limit import limit_reached
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.quiet_hours import QuietHours
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import LaunchHold
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import CloseGate, DeliverAlert
from gridwatch.state.codec import from_document
from tests.fakes.clock import START
from tests.fakes.fuse import Fuse
from tests.fakes.mortal_store import KilledError
from tests.unit.functions.watching import ALIVE, World, at_every_call

TOGETHER = Wishes(together=timedelta(minutes=5))
NIGHT = QuietHours(time(22), time(7), UTC)
ETAS = [1.0] * 16 + [0.1] * 48


def grid(wishes: Wishes = TOGETHER) -> World:
    """An experiment of 64 trials, 16 of them with eta 1.0."""
    world = World()
    world.wishes = wishes
    world.store.trials.clear()
    now = world.clock.now()
    world.store.add_trials(
        TrialRecord(
            experiment="blobs", trial_id=f"{index:010x}", index=index, attempt=1, state=TrialState.FAILED,
            job_name=f"gridwatch-blobs-{index:010x}-1", hyperparameters={"eta": eta, "max_depth": 3 + index % 4},
            created_at=now, updated_at=now,
        )
        for index, eta in enumerate(ETAS)
    )  # fmt: skip
    return world


def asked(world: World, index: int, *, rule: str = "loss", severity: Severity = Severity.WARNING) -> AlertRecord:
    trial = f"{index:010x}"
    alert = Alert(kind="rule_issue", severity=severity, title=f"Stopped blobs/{trial}: {rule}", summary="It did.")
    made = record(
        alert, about=(trial, rule), experiment="blobs", now=world.clock.now(), trial_id=trial,
        cause=f"IssuesFound blobs {rule}",
    )  # fmt: skip
    return AlertOutbox(world.store, world.alert_queue).ask(made)


def told(world: World) -> list[str]:
    return [subject.removeprefix("[Gridwatch] ") for subject, _, _ in world.topic.messages]


def assert_everything_told_once(world: World) -> None:
    """Every alert was sent, or stands in one that was; what was sent twice was sent under one id."""
    sent = Counter(attributes["alert_id"] for _, _, attributes in world.topic.messages)
    for alert in world.store.alerts.values():
        assert (alert.sent_at is None) is (alert.told_in is not None), alert
        assert (alert.alert_id in sent) is (alert.told_in is None), alert
        if alert.told_in is not None:
            assert from_document(Alert, alert.content).title in "\n".join(
                from_document(Alert, world.store.alerts[alert.told_in].content).details
            )


def test_fourteen_more_are_one_message_that_says_what_they_share() -> None:
    world = grid()
    for index in (3, *range(3), *range(4, 14), 40):
        asked(world, index)
    world.deliver_all()
    assert told(world) == ["Stopped blobs/0000000003: loss"]

    world.clock.advance(300)
    world.deliver_all()  # the gate's own message, which was kept back for as long
    world.deliver_all()
    assert told(world)[1:] == ["loss: 14 more trials of blobs"]
    body = " ".join(world.topic.messages[1][1].split())
    assert "loss concerns 14 more trials of blobs since the first alert, 15 of 64 so far." in body
    assert "In common 14 of 16 trials with eta 1.0 (1 of 48 without, p = " in body
    assert "by one-sided Fisher's exact test, p at most 0.05; 6 values compared" in body
    assert_everything_told_once(world)


class Counted(dict[str, AlertRecord]):
    """Alerts, and how often somebody asked for one."""

    asked = 0

    def get(self, *key: Any) -> Any:
        self.asked += 1
        return super().get(*key)


@pytest.mark.parametrize("distinct", [True, False])
def test_a_gate_with_ten_thousand_alerts_does_not_keep_the_others_waiting(*, distinct: bool) -> None:
    world = grid()
    for index in range(4):
        asked(world, index)
    world.deliver_all()
    (gate,) = world.store.gates.values()
    more = tuple(f"x{number if distinct else 0}" for number in range(10_000))
    world.store.gates[gate.gate_id] = replace(gate, collected=gate.collected + more, earlier=more)
    world.store.alerts = counted = Counted(world.store.alerts)
    world.clock.advance(300)
    world.deliver_all()
    world.deliver_all()
    assert told(world)[1:] == ["loss: 3 more trials of blobs"]
    assert counted.asked < 2_100
    assert_everything_told_once(world)


def test_the_gates_message_is_kept_back_until_it_closes() -> None:
    world = grid()
    for index in range(3):
        asked(world, index)
    world.deliver_all()
    assert world.alert_queue.messages == [CloseGate("cause IssuesFound blobs loss")]
    assert world.alert_queue.delays[-1] == 299  # a second has gone by since the gate was opened


def test_causes_are_apart_and_a_later_one_is_told_at_once_again() -> None:
    world = grid()
    asked(world, 0)
    asked(world, 0, rule="finite")
    world.deliver_all()
    world.clock.advance(301)
    asked(world, 1)
    world.deliver_all()
    assert len(told(world)) == 3
    asked(world, 2)
    world.deliver_all()
    world.clock.advance(301)
    world.deliver_all()
    world.deliver_all()
    assert told(world)[3:] == ["loss: 1 more trial of blobs"]
    assert "3 of 64 so far" in " ".join(world.topic.messages[3][1].split())  # with the one of the former window
    assert_everything_told_once(world)


def joined_and_died(world: World) -> AlertRecord:
    """A second alert of the cause, whose call died when it stood in the gate and before that was noted on the alert."""
    asked(world, 0)
    world.deliver_all()
    alert = asked(world, 1)
    world.alert_queue.messages.remove(DeliverAlert(alert.alert_id))  # it comes again when the test says so
    kept = world.store.mark_sent
    world.store.mark_sent = dies  # type: ignore[method-assign,assignment]
    with pytest.raises(KilledError):
        world.deliver(alert.alert_id)
    world.store.mark_sent = kept  # type: ignore[method-assign]
    assert world.store.alerts[alert.alert_id].told_in is None
    world.clock.advance(LEASE.total_seconds())
    return alert


def dies(alert: AlertRecord) -> None:
    raise KilledError


def test_an_alert_that_comes_again_stands_in_its_gate_once() -> None:
    world = grid()
    alert = joined_and_died(world)
    assert world.deliver(alert.alert_id) is Outcome.HELD_BACK
    world.clock.advance(301)
    world.deliver_all()
    world.deliver_all()
    assert told(world)[1:] == ["loss: 1 more trial of blobs"]


def test_an_alert_that_was_told_with_others_is_not_told_again_when_its_gate_has_opened_anew() -> None:
    world = grid()
    alert = joined_and_died(world)
    world.clock.advance(301)
    world.deliver_all()
    asked(world, 2)
    world.deliver_all()
    assert len(concerned_before(world.store, world.store.gates["cause IssuesFound blobs loss"])) == 3
    assert world.deliver(alert.alert_id) is Outcome.HELD_BACK
    finish(world)
    assert told(world) == [
        "Stopped blobs/0000000000: loss", "loss: 1 more trial of blobs", "Stopped blobs/0000000002: loss"
    ]  # fmt: skip
    assert_everything_told_once(world)


def test_who_comes_while_the_gate_is_being_told_waits_for_the_next_message() -> None:
    world = collected(grid())
    world.deliver_all()
    late = asked(world, 9)
    world.alert_queue.messages.pop()
    world.clock.advance(299)
    read, came = world.store.get_alert, []

    def read_slowly(alert_id: str) -> AlertRecord | None:
        if not came:
            came.append(alert_id)
            world.clock.advance(-5)  # on a machine whose clock is late
            world.deliver(late.alert_id)
            world.clock.advance(4)
        return read(alert_id)

    world.store.get_alert = read_slowly  # type: ignore[method-assign]
    world.clock.advance(1)
    world.deliver_all()
    world.store.get_alert = read  # type: ignore[method-assign]
    finish(world)
    assert_everything_told_once(world)


def test_what_the_queue_lost_the_sweep_finds() -> None:
    world = grid()
    for index in range(5):
        asked(world, index)
    world.deliver_all()
    world.alert_queue.messages.clear()
    world.clock.advance(400)
    world.sweep()
    world.deliver_all()
    world.deliver_all()
    assert told(world)[1:] == ["loss: 4 more trials of blobs"]
    assert_everything_told_once(world)


def test_failed_jobs_are_one_cause() -> None:
    world = grid()
    for index in range(4):
        trial = replace(world.store.list_trials("blobs")[index], reason="out of memory")
        AlertOutbox(world.store, world.alert_queue).ask(trial_failed(trial=trial, now=world.clock.now()))
    world.deliver_all()
    world.clock.advance(301)
    world.deliver_all()
    world.deliver_all()
    assert told(world)[1:] == ["Failed training jobs: 3 more trials of blobs"]


def held_by_failures(world: World, count: int) -> LaunchHold:
    """The first trials failed alike, and the rest waits."""
    jobs = tuple(trial.job_name for trial in world.store.list_trials("blobs")[:count])
    hold = LaunchHold(
        experiment="blobs", spec_version="v1", limit="max_failures", reason=f"all {count} failed with: KeyError: 'a'",
        failed_jobs=jobs, updated_at=world.clock.now(),
    )  # fmt: skip
    world.store.save_hold(hold)
    AlertOutbox(world.store, world.alert_queue).ask(limit_reached(hold, now=world.clock.now()))
    return hold


def ask_failures(world: World, count: int) -> None:
    for trial in world.store.list_trials("blobs")[:count]:
        failed = trial_failed(trial=replace(trial, reason="KeyError: 'a'"), now=world.clock.now())
        AlertOutbox(world.store, world.alert_queue).ask(failed)


@pytest.mark.parametrize("hold_first", [True, False])
def test_failures_that_hold_an_experiment_are_told_with_the_hold_and_no_more(hold_first: bool) -> None:
    world = grid()
    if not hold_first:
        ask_failures(world, 4)
        world.deliver_all()
    held_by_failures(world, 3)
    if hold_first:
        ask_failures(world, 4)
    world.clock.advance(301)
    world.deliver_all()
    world.deliver_all()
    hold = "blobs: all 3 failed with: KeyError: 'a'"
    if hold_first:
        assert told(world) == [hold, "blobs/0000000003 failed: KeyError: 'a'"], "the fourth did not lead to the hold"
    else:
        alone, of_others = "blobs/0000000000 failed: KeyError: 'a'", "Failed training jobs: 1 more trial of blobs"
        assert told(world) == [alone, hold, of_others]


class TestQuietHours:
    def night(self, **wishes: object) -> World:
        world = grid(replace(Wishes(quiet=NIGHT), **wishes))  # type: ignore[arg-type]
        world.clock.time = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
        return world

    def test_nothing_at_night_and_all_of_it_in_the_morning(self) -> None:
        world = self.night()
        for index in range(3):
            asked(world, index)
        world.deliver_all()
        assert told(world) == []
        assert world.alert_queue.delays[-1] == 900  # the longest that SQS can
        while world.clock.time < datetime(2026, 11, 22, 6, 55, tzinfo=UTC):
            world.clock.advance(300)
            world.sweep()
            world.deliver_all()
        assert told(world) == []
        world.clock.time = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
        world.sweep()
        world.deliver_all()
        world.deliver_all()
        assert told(world) == ["3 alerts held back in the quiet hours"]
        assert "  21 Nov 23:30 UTC  Stopped blobs/0000000002: loss\n" in world.topic.messages[0][1]
        assert_everything_told_once(world)
        asked(world, 9)
        world.deliver_all()
        assert told(world)[1:] == ["Stopped blobs/0000000009: loss"]

    def test_critical_ones_pass_when_that_is_wished(self) -> None:
        world = self.night(critical_passes=True)
        asked(world, 0)
        asked(world, 1, severity=Severity.CRITICAL)
        world.deliver_all()
        assert told(world) == ["Stopped blobs/0000000001: loss"]
        strict = self.night()
        asked(strict, 1, severity=Severity.CRITICAL)
        strict.deliver_all()
        assert told(strict) == []

    def test_a_follow_up_waits_for_the_morning_too(self) -> None:
        world = self.night(together=timedelta(minutes=5))
        world.clock.time = datetime(2026, 11, 21, 21, 58, tzinfo=UTC)
        for index in range(4):
            asked(world, index)
        world.deliver_all()
        world.clock.advance(301)
        world.deliver_all()
        world.deliver_all()
        assert told(world) == ["Stopped blobs/0000000000: loss"]
        world.clock.time = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
        world.sweep()
        world.deliver_all()
        world.deliver_all()
        assert told(world)[1:] == ["One alert held back in the quiet hours"]
        assert "loss: 3 more trials of blobs" in world.topic.messages[1][1]

    @pytest.mark.parametrize(
        ("now", "until"),
        [
            ("2026-11-21T21:00+00:00", "2026-11-22T06:00+00:00"),  # 22:00 in Berlin
            ("2026-11-21T20:59+00:00", None),
            ("2026-11-22T05:59+00:00", "2026-11-22T06:00+00:00"),
            ("2026-11-22T06:00+00:00", None),
            ("2026-07-01T04:30+00:00", "2026-07-01T05:00+00:00"),  # summer time
            ("2026-10-24T22:00+00:00", "2026-10-25T06:00+00:00"),  # the night that is an hour longer
        ],
    )
    def test_by_the_clocks_of_the_place(self, now: str, until: str | None) -> None:
        from gridwatch.alerts.quiet_hours import quiet_hours

        berlin = quiet_hours("22:00", "07:00", "Europe/Berlin")
        assert berlin.until(datetime.fromisoformat(now)) == (datetime.fromisoformat(until) if until else None)

    def test_within_a_day(self) -> None:
        lunch = QuietHours(time(12), time(13, 30), UTC)
        assert lunch.until(datetime(2026, 11, 21, 13, 29, tzinfo=UTC)) == datetime(2026, 11, 21, 13, 30, tzinfo=UTC)
        assert lunch.until(datetime(2026, 11, 21, 13, 30, tzinfo=UTC)) is None


def test_at_most_so_many_an_hour_and_the_rest_in_one() -> None:
    world = grid(Wishes(most_per_hour=3))
    for index in range(10):
        asked(world, index, rule=f"rule{index}")
    world.deliver_all()
    assert len(told(world)) == 3
    world.clock.time = START + timedelta(hours=1)
    world.sweep()
    for _ in range(3):
        world.deliver_all()
    assert told(world)[3:] == ["7 alerts held back beyond the limit of an hour"]
    assert_everything_told_once(world)
    for index in range(10, 14):
        asked(world, index, rule=f"rule{index}")
    world.deliver_all()
    assert len(told(world)) == 7  # three more of their own in the new hour


def test_an_alert_that_may_have_been_sent_is_not_held_back() -> None:
    world = grid(Wishes(quiet=NIGHT))
    alert = asked(world, 0)
    world.store.alerts[alert.alert_id] = replace(alert, cleared=True)
    world.clock.time = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    assert world.deliver(alert.alert_id) is Outcome.SENT
    assert len(told(world)) == 1


def finish(world: World) -> None:
    """What follows a death: leases run out, messages come again, the sweep finds what no message tells of."""
    for _ in range(4):
        world.clock.advance(LEASE.total_seconds() + 301)
        world.sweep()
        world.deliver_all()
        world.deliver_all()


def collected(world: World) -> World:
    for index in range(4):
        asked(world, index)
    return world


STEPS: dict[str, Callable[[World, Fuse], object]] = {
    "the first": lambda world, fuse: world.deliver(world.alert_queue.messages[0].alert_id, fuse),  # type: ignore[union-attr]
    "one more": lambda world, fuse: world.deliver(world.alert_queue.messages[1].alert_id, fuse),  # type: ignore[union-attr]
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("earlier", [0, 1])
def test_death_at_any_call_of_delivering(step: str, earlier: int) -> None:
    def prepare() -> World:
        world = collected(grid())
        if earlier and step == "one more":
            first = world.alert_queue.messages[0]
            assert isinstance(first, DeliverAlert)
            world.deliver(first.alert_id)
        return world

    for world in at_every_call(STEPS[step], prepare):
        finish(world)
        assert_everything_told_once(world)


def test_death_at_any_call_of_closing() -> None:
    def prepare() -> World:
        world = collected(grid())
        world.deliver_all()
        world.clock.advance(301)
        return world

    worlds = at_every_call(lambda world, fuse: world.gatekeeper(fuse).close("cause IssuesFound blobs loss"), prepare)
    assert len(worlds) > 15
    for world in worlds:
        finish(world)
        assert_everything_told_once(world)
        assert len(told(world)) == 2


@pytest.mark.parametrize("seed", range(20))
def test_any_order_with_deaths_losses_and_repetitions(seed: int) -> None:
    chance = random.Random(seed)
    world = grid(Wishes(together=timedelta(minutes=5), quiet=NIGHT, most_per_hour=4))
    world.clock.time = datetime(2026, 11, 21, 20, 0, tzinfo=UTC) + timedelta(minutes=chance.randrange(150))
    for index in range(12):
        asked(world, index, rule=f"rule{index % 3}")
        if chance.random() < 0.4:
            world.clock.advance(chance.randrange(400))
    killed = 0
    for _ in range(150):
        queue = [message for message in world.alert_queue.messages if chance.random() < 0.95]  # some are lost
        world.alert_queue.messages.clear()
        chance.shuffle(queue)
        for message in itertools.chain.from_iterable(
            itertools.repeat(each, chance.choice([1, 1, 2])) for each in queue
        ):
            fuse = Fuse(chance.randrange(6), after=chance.random() < 0.5) if chance.random() < 0.3 else ALIVE
            try:
                world.handle(message, fuse)
            except KilledError:
                killed += 1
                world.alert_queue.messages.append(message)
            except Exception:  # noqa: BLE001 - in the hands of another, or too many at once: the message comes again
                world.alert_queue.messages.append(message)
        world.clock.advance(chance.randrange(700))
        world.sweep()
    assert killed
    assert world.store.unsent_alerts() == []
    assert world.store.untold_gates() == []
    assert_everything_told_once(world)
