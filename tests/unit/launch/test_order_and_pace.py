"""Whose turn it is, and how fast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.order import FairOrder
from gridwatch.launch.pacing import TokenBucket
from tests.fakes.clock import START, FakeClock


def trial(experiment: str, index: int = 0, *, priority: int = 0, age: int = 0) -> TrialRecord:
    at = START - timedelta(seconds=age)
    return TrialRecord(
        experiment=experiment, trial_id=f"{index:010x}", index=index, attempt=1, state=TrialState.WAITING,
        job_name=f"{experiment}-{index}", hyperparameters={}, priority=priority, created_at=at, updated_at=at,
    )  # fmt: skip


def queues(*trials: TrialRecord) -> dict[str, Iterator[TrialRecord]]:
    names = dict.fromkeys(each.experiment for each in trials)
    return {name: iter([each for each in trials if each.experiment == name]) for name in names}


def names(order: FairOrder) -> list[str]:
    found = []
    while (chosen := order.next()) is not None:
        found.append(chosen.job_name)
    return found


def test_experiments_take_turns_in_the_order_of_their_grids() -> None:
    waiting = [trial("large", n, age=9) for n in range(4)] + [trial("small", n) for n in range(2)]
    order = FairOrder(queues(*waiting), {}, {"large": 9, "small": 9})
    assert names(order) == ["large-0", "small-0", "large-1", "small-1", "large-2", "large-3"]


def test_higher_priority_goes_first_and_a_limit_holds_it_back() -> None:
    waiting = [trial("urgent", n, priority=1) for n in range(3)] + [trial("usual")]
    assert names(FairOrder(queues(*waiting), {}, {"urgent": 2, "usual": 1})) == ["urgent-0", "urgent-1", "usual-0"]


def test_slots_that_are_taken_count() -> None:
    waiting = [trial("a", n) for n in range(3)]
    assert names(FairOrder(queues(*waiting), {"a": 1}, {"a": 2})) == ["a-0"]
    assert names(FairOrder(queues(*waiting), {"a": 2}, {"a": 2})) == []
    assert names(FairOrder(queues(*waiting), {}, {})) == []


def test_a_slot_given_back_is_free_for_the_next() -> None:
    order = FairOrder(queues(trial("a", 0), trial("a", 1)), {}, {"a": 1})
    first = order.next()
    assert first is not None
    assert order.next() is None
    order.give_back(first)
    second = order.next()
    assert second == replace(trial("a", 1))


def test_an_experiment_whose_trials_are_refused_does_not_hold_up_another() -> None:
    waiting = queues(*(trial("refused", n, age=9) for n in range(3)), trial("other"))
    order = FairOrder(waiting, {}, {"refused": 9, "other": 9})
    served = []
    while (chosen := order.next()) is not None:
        served.append(chosen.job_name)
        if chosen.experiment == "refused":
            order.give_back(chosen)
    assert served == ["refused-0", "other-0", "refused-1", "refused-2"]


def test_no_more_trials_are_fetched_than_are_handed_out_and_one() -> None:
    fetched = []

    def large() -> Iterator[TrialRecord]:
        for n in range(100):
            fetched.append(n)
            yield trial("a", n)

    order = FairOrder({"a": large()}, {}, {"a": 3})
    assert names(order) == ["a-0", "a-1", "a-2"]
    assert fetched == [0, 1, 2]


def test_an_experiment_that_is_closed_has_no_more_turns() -> None:
    order = FairOrder(queues(trial("a", 0), trial("a", 1), trial("b")), {}, {"a": 9, "b": 9})
    first = order.next()
    assert first is not None
    order.close(first.experiment)
    assert names(order) == ["b-0"]


def test_calls_are_one_interval_apart_and_a_pause_saves_up_no_more_than_the_burst() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=2.0, burst=3)
    for _ in range(2):  # one of the burst is kept back: arrivals jitter
        bucket.take()
    assert clock.slept == []
    bucket.take()
    assert clock.slept == [pytest.approx(0.5)]
    clock.advance(100)
    for _ in range(3):
        bucket.take()
    assert clock.slept == [pytest.approx(0.5)] * 2


def test_each_refusal_in_a_row_waits_twice_as_long_up_to_a_limit() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=1.0)
    delays = []
    for _ in range(8):
        bucket.take()
        delays.append(bucket.refused())
    assert delays == [1, 2, 4, 8, 16, 32, 32, 32]
    bucket.take()
    bucket.accepted()
    bucket.take()
    assert clock.slept[-1] == pytest.approx(1.0 / 0.92)


def test_the_pace_of_a_service_that_refuses_now_and_then_becomes_slower_by_a_tenth_at_most() -> None:
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=1.0)
    for _ in range(50):
        bucket.take()
        bucket.refused()
        bucket.take()
        bucket.accepted()
    bucket.take()
    assert clock.slept[-1] == pytest.approx(1.0 / 0.9)
