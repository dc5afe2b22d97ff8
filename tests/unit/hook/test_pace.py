"""How often the hook writes: at a fixed rate, or on the terms that the job's price makes."""

from __future__ import annotations

import json
import math
import random
import time

import pytest

from gridwatch_hook import Hook
from gridwatch_hook.alarm import Alarm
from gridwatch_hook.collection import ANY_LOOP, CURVES, XGBOOST
from gridwatch_hook.config import HookConfig
from gridwatch_hook.pace import FIRST_SECONDS, FixedPace, Pace, PricedPace, Terms
from gridwatch_hook.parameters import ConfigError
from gridwatch_hook.settings import Environment
from gridwatch_hook.wish import NONE, Wish, WishBox
from tests.unit.hook.memory_sink import FixedClock, MemorySink


def taken(pace: Pace, now: float) -> float:
    """The wait for the next write, after which it is made."""
    delay = max(0.0, pace.delay(now, urgent=False))
    pace.taken(now + delay)
    return delay


def test_at_a_fixed_rate_the_first_writes_go_at_once() -> None:
    pace = FixedPace(per_second=4.0, burst=4)
    assert [taken(pace, 100.0) for _ in range(6)] == [0.0, 0.0, 0.0, 0.0, 0.25, 0.5]
    assert taken(pace, 110.0) == 0.0


def test_after_a_rest_the_burst_is_no_larger_than_at_first() -> None:
    pace = FixedPace(per_second=2.0, burst=2)
    assert taken(pace, 0.0) == 0.0
    assert [taken(pace, 1_000.0) for _ in range(3)] == [0.0, 0.0, 0.5]


def looks(terms: Terms, seconds: float, *, urgent: float = 0.0, seed: int = 1) -> list[float]:
    """When a job that saves a step each second is looked at; `urgent` of its steps are."""
    pace, chance, found = PricedPace(terms, 0.0), random.Random(seed), []
    now, hurry = 0.0, False
    while now < seconds:
        hurry = hurry or chance.random() < urgent
        if pace.delay(now, urgent=hurry) <= 0:
            pace.taken(now)
            found.append(now)
            hurry = False
        now += 1.0
    return found


def test_the_first_looks_come_sooner_where_they_can_be_paid() -> None:
    found = looks(Terms(64.0, 1.0, 300), 300)
    assert found[:6] == [0.0, 8.0, 24.0, 56.0, 120.0, 184.0]
    assert looks(Terms(64.0, 60.0, 3), 300)[:3] == [0.0, 64.0, 128.0]


@pytest.mark.parametrize(
    "terms", [Terms(64.0, 69.0, 3), Terms(20.0, 90.0, 2), Terms(300.0, 55.0, 5), Terms(5.0, 2.0, 140)]
)
@pytest.mark.parametrize("urgent", [0.0, 0.01, 0.5, 1.0])
def test_whatever_is_urgent_the_share_is_kept_at_every_moment(terms: Terms, urgent: float) -> None:
    found = looks(terms, 4_000, urgent=urgent)
    for count, at in enumerate(found, start=1):
        allowed = terms.first_looks + max(0.0, at - FIRST_SECONDS) / terms.least_seconds
        assert count <= allowed + 1e-9
    assert len(found) >= 10 if terms.look_seconds < 300 else len(found) >= 5


def test_what_is_urgent_is_looked_at_at_once_while_there_is_something_left() -> None:
    pace = PricedPace(Terms(300.0, 55.0, 5), 0.0)
    pace.taken(0.0)
    assert pace.delay(10.0, urgent=False) == 290.0
    assert pace.delay(10.0, urgent=True) < 0


def test_several_workers_keep_to_the_terms_together() -> None:
    assert Terms(10.0, 5.0, 12).for_workers(4) == Terms(40.0, 20.0, 3)
    assert Terms(10.0, 5.0, 2).for_workers(4).first_looks == 1


def test_free_looks_have_no_bound() -> None:
    assert len(looks(Terms(1.0), 100)) == 100


def test_a_value_that_is_not_finite_rings_once_until_it_is_finite_again() -> None:
    alarm = Alarm()
    values = [1.0, math.nan, math.nan, 1.0, math.inf]
    assert [alarm.rings("loss", value, is_loss=True) for value in values] == [False, True, False, False, True]
    assert Alarm().rings("loss", math.nan, is_loss=True)
    assert [alarm.rings("auc", value, is_loss=False) for value in (0.5, math.nan)] == [False, True]


def test_a_loss_that_begins_to_rise_rings_and_noise_does_not() -> None:
    chance = random.Random(3)
    falling = [math.exp(-step / 100) + chance.gauss(0, 0.01) for step in range(200)]
    alarm = Alarm()
    assert not any(alarm.rings("loss", value, is_loss=True) for value in falling)
    rising = [falling[-1] + 0.02 * step for step in range(30)]
    rung = [alarm.rings("loss", value, is_loss=True) for value in rising]
    assert sum(rung) == 1
    assert rung.index(True) < 15
    steady = Alarm()
    assert not any(steady.rings("accuracy", value, is_loss=False) for value in falling + rising)


PACE = json.dumps({"look_seconds": 3600.0, "least_seconds": 60.0, "first_looks": 5, "of_a_newer_version": 1})


def test_the_terms_are_read_and_what_is_not_known_is_passed_over() -> None:
    assert Environment.read({"GRIDWATCH_PACE": PACE}).pace == Terms(3600.0, 60.0, 5)
    assert Environment.read({}).pace is None
    for wrong in ("{", "[]", "{}", '{"look_seconds": 0}', '{"look_seconds": "often"}'):
        with pytest.raises(ConfigError, match="GRIDWATCH_PACE"):
            Environment.read({"GRIDWATCH_PACE": wrong})


def paced_hook(sink: MemorySink) -> Hook:
    environment = Environment.read({"GRIDWATCH_PACE": PACE})
    return Hook.create(sink=sink, environment=environment, clock=FixedClock())


def flushes(sink: MemorySink) -> list[str]:
    return [key for key in sink.puts if key.startswith("events/flushes/")]


def test_what_is_written_at_once_is_one_object_and_closing_completes_the_layout() -> None:
    sink = MemorySink(every_index_object=False)
    hook = paced_hook(sink)
    for step in range(20):
        hook.save_scalar("loss", 1.0 / (step + 1))
        hook.next_step()
        if step == 0:
            assert sink.reached.wait(10)
    hook.close()
    assert flushes(sink) == [
        "events/flushes/000000000/000000000000_worker_0.tfevents",
        "events/flushes/000000000/000000000019_worker_0.tfevents",
    ]
    assert sink.values("scalar/loss") == {step: 1.0 / (step + 1) for step in range(20)}
    completed = [key for key in sink.puts if key.startswith("index/")]
    assert len(completed) == 20
    assert all(key.startswith("index/completed/000000000/") for key in completed)
    assert sink.puts[-1] == "training_job_end.ts"


def test_steps_for_curves_alone_are_read_and_get_no_index_object() -> None:
    """Nobody else has asked for them, and each object costs time when the hook closes."""
    sink = MemorySink(every_index_object=False)
    asked = {"metrics": {"save_interval": "5"}, CURVES: {"include_regex": "-", "save_interval": "1"}}
    listed = [{"CollectionName": name, "CollectionParameters": given} for name, given in asked.items()]
    config = HookConfig.parse({"CollectionConfigurations": listed}, XGBOOST)
    environment = Environment.read({"GRIDWATCH_PACE": PACE})
    hook = Hook.create(config=config, sink=sink, clock=FixedClock(), environment=environment)
    for step in range(12):
        hook.offer("train-error", step)
        hook.next_step()
    hook.close()
    assert sink.values("train-error") == {step: float(step) for step in range(12)}
    completed = [key for key in sink.puts if key.startswith("index/")]
    assert sorted(int(key[-24:-14]) for key in completed) == [0, 5, 10]


def test_readers_that_know_only_the_completed_index_find_the_same_values() -> None:
    sink = MemorySink(every_index_object=False)
    hook = paced_hook(sink)
    for step in range(5):
        hook.save_scalar("loss", step)
        hook.next_step()
    hook.close()
    for step in range(5):
        entry = json.loads(sink.objects[f"index/completed/000000000/{step:012d}_worker_0.json"])
        (place,) = entry["tensor_payload"]
        record = sink.objects[entry["meta"]["event_file_name"]][place["start_idx"] :][: place["length"]]
        assert len(record) == place["length"]
        assert b"scalar/loss" in record


def test_a_loss_that_is_not_finite_does_not_wait_for_its_turn() -> None:
    sink = MemorySink(every_index_object=False)
    hook = paced_hook(sink)
    hook.save_scalar("loss", 1.0)
    hook.next_step()
    assert sink.reached.wait(10)
    while len(flushes(sink)) < 1:
        pass
    clock = hook._clock
    assert isinstance(clock, FixedClock)
    clock.now += 10.0
    hook.save_scalar("loss", 0.5)
    hook.next_step()
    sink.reached.clear()
    assert not sink.reached.wait(0.3)  # an hour is not over
    hook.save_scalar("loss", math.nan)
    hook.next_step()
    assert sink.reached.wait(10)
    hook.close()
    assert flushes(sink)[1].endswith("000000000002_worker_0.tfevents")


def test_a_folder_is_written_as_ever() -> None:
    sink = MemorySink()
    hook = paced_hook(sink)
    hook.save_scalar("loss", 1.0)
    hook.close()
    assert flushes(sink) == []
    assert sink.index(0)["meta"]["event_file_name"].startswith("events/000000000000/")


def test_steps_that_fill_the_memory_go_before_their_turn() -> None:
    sink = MemorySink(every_index_object=False)
    environment = Environment.read({"GRIDWATCH_PACE": PACE})
    config = {"HookParameters": {"memory_limit_mb": 16}}
    hook = Hook.create(
        config=HookConfig.parse(config, ANY_LOOP), sink=sink, environment=environment, clock=FixedClock()
    )
    for step in range(30):
        hook.save_tensor("big", [float(step)] * 50_000)  # 0.4 MB each
        hook.next_step()
        if step == 0:
            assert sink.reached.wait(10)
    before_closing = hook._delivery._full
    assert before_closing == 4 * 1024 * 1024
    while hook._delivery._waiting_bytes >= before_closing:
        pass
    assert len(flushes(sink)) >= 1
    assert hook.close().steps_lost == 0
    assert len(flushes(sink)) >= 3


def wished(every: float, until: float) -> bytes:
    return json.dumps({"every_seconds": every, "until": until}).encode()


def test_a_wish_is_kept_to_while_it_holds_and_within_the_share() -> None:
    pace = PricedPace(Terms(300.0, 55.0, 5), 0.0)
    pace.taken(0.0)
    pace.wish(20.0)
    assert pace.delay(10.0, urgent=False) == 10.0
    pace.wish(math.inf)
    assert pace.delay(10.0, urgent=False) == 290.0
    pace.wish(1.0)
    for _ in range(4):
        pace.taken(10.0)
    assert pace.delay(20.0, urgent=False) == pytest.approx(FIRST_SECONDS + 55.0 - 20.0)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"every_seconds": "soon"}', b'{"until": 1}', None])
def test_a_wish_that_nobody_can_read_is_none(content: bytes | None) -> None:
    box = WishBox(lambda _: content, Terms(10.0))
    assert box.look(0.0) == NONE


def test_the_wish_is_read_twice_in_a_distance_at_most() -> None:
    reads: list[str] = []

    def read(key: str) -> bytes:
        reads.append(key)
        return wished(7.0, 1e12)

    box = WishBox(read, Terms(60.0))
    assert {box.look(float(second)) for second in range(120)} == {Wish(7.0, 1e12)}
    assert reads == ["wish.json"] * 4


def test_a_wish_shortens_the_wait_of_a_running_hook() -> None:
    sink = MemorySink(every_index_object=False)
    terms = json.dumps({"look_seconds": 2.0, "least_seconds": 0.001, "first_looks": 5})
    hook = Hook.create(sink=sink, environment=Environment.read({"GRIDWATCH_PACE": terms}))
    sink.objects["wish.json"] = wished(1.0, 4e9)
    hook.save_scalar("loss", 1.0)
    hook.next_step()
    while not flushes(sink):
        pass
    began = time.monotonic()
    hook.save_scalar("loss", 0.5)
    hook.next_step()
    while len(flushes(sink)) < 2:
        assert time.monotonic() - began < 10
    assert time.monotonic() - began < 1.9
    hook.close()
