"""What follows from a trial's end costs the same in a small grid and in a large one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.cli.stopping import spared
from gridwatch.domain.experiments import LaunchHold
from gridwatch.domain.trials import TrialState
from gridwatch.launch.holding import LaunchLimits
from gridwatch.savings.sparing import Siblings
from gridwatch.verdicts.decision import NOT_STOPPED_PAUSED
from tests.fakes.queues import FakeQueue
from tests.unit.growth.grown import NAME, Grown

sizes = pytest.mark.parametrize("trials", [10, 100, 1_000])


@sizes
def test_a_hundred_stops_of_a_minute_read_the_grid_once(trials: int) -> None:
    world = Grown(trials)
    siblings = Siblings(world.store, world.clock)
    read_each_time = trials < 100
    with world.held_to_the_bound(own=100 if read_each_time else 4):
        for _ in range(100):
            assert len(siblings.of(NAME)) == trials
    world.clock.advance(60)
    first, *_ = world.store.list_trials(NAME)
    world.store.update_trial(replace(first, state=TrialState.FAILED), expected=first)
    assert len(siblings.of(NAME)) == trials - 1


def test_siblings_of_few_experiments_are_remembered() -> None:
    world = Grown(100)
    siblings = Siblings(world.store, world.clock)
    for number in range(9):
        siblings.known[f"other-{number}"] = world.clock.now(), ()
    siblings.of(NAME)
    assert len(siblings.known) == 4
    assert NAME in siblings.known


def limits(world: Grown) -> LaunchLimits:
    return LaunchLimits(store=world.store, alerts=AlertOutbox(world.store, FakeQueue()), clock=world.clock)


def words(number: int) -> str:
    """A cause like no other, without numbers, in which failures may differ and be alike."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number)) + " went wrong"


@sizes
def test_failures_of_which_each_has_its_own_cause(trials: int) -> None:
    world = Grown(trials, state=TrialState.FAILED)
    every, experiment, holding = world.store.list_trials(NAME), world.experiment, limits(world)
    with world.held_to_the_bound(own=4 * trials) as count:
        for trial in every:
            holding.failed(experiment, trial, f"AlgorithmError: {words(trial.index)}")
    hold = world.store.get_hold(NAME)
    assert hold is not None
    assert hold.limit is None
    assert hold.others_before + len(hold.other_failures) + len(hold.failed_jobs) == trials
    assert count.write_units <= 20 * trials, "the record stays small however many fail"
    newest = every[-1]
    holding.failed(experiment, newest, f"AlgorithmError: {words(newest.index)}")
    assert world.store.get_hold(NAME) == hold, "told again"


@sizes
def test_one_more_failure_of_a_grid_that_is_held(trials: int) -> None:
    world = Grown(trials, state=TrialState.FAILED)
    every, holding = world.store.list_trials(NAME), limits(world)
    for trial in every[:3]:
        holding.failed(world.experiment, trial, "AlgorithmError: no such file")
    assert holding.hold(world.experiment) is not None
    running = replace(every[3], state=TrialState.RUNNING, updated_at=every[3].updated_at + timedelta(seconds=1))
    world.store.update_trial(running, expected=every[3])
    with world.held_to_the_bound() as count:
        holding.failed(world.experiment, every[4], "AlgorithmError: no such file")
    assert count.megabytes < 0.05, "what is over is not read again"
    assert _reason(world.store.get_hold(NAME)).startswith("all 4 that are over failed")
    over = replace(running, state=TrialState.FAILED, updated_at=_later(running.updated_at))
    world.store.update_trial(over, expected=running)
    holding.failed(world.experiment, every[5], "AlgorithmError: no such file")
    assert _reason(world.store.get_hold(NAME)).startswith("all 5 failed")


def _reason(hold: LaunchHold | None) -> str:
    assert hold is not None
    return hold.reason or ""


def _later(moment: datetime) -> datetime:
    return moment + timedelta(seconds=1)


@sizes
def test_what_a_pause_spared_is_listed_by_the_page(trials: int) -> None:
    world = Grown(trials, state=TrialState.RUNNING)
    for trial in world.store.list_trials(NAME)[::3]:
        (reaction,) = world.store.list_reactions(trial.job_name)
        world.store.finish_reaction(replace(reaction, reason="the rule stops its job", outcome=NOT_STOPPED_PAUSED))
    with world.held_to_the_bound():
        found = list(spared(world.store))
    assert len(found) == -(-trials // 3)
