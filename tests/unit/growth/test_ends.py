"""What follows from a trial's end costs the same in a small grid and in a large one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.state_table import StateTable
from gridwatch.cli.stopping import spared
from gridwatch.domain.experiments import LaunchHold
from gridwatch.domain.regions import RegionsRecord
from gridwatch.domain.trials import TrialState
from gridwatch.launch.holding import LaunchLimits
from gridwatch.savings.sparing import Siblings
from gridwatch.state.counting import number_of_trials
from gridwatch.verdicts.decision import NOT_STOPPED_PAUSED
from react_to_finding.regions import RegionKeeper
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


@sizes
def test_whether_one_more_trial_may_be_made_is_read_from_the_counts(trials: int) -> None:
    world = Grown(trials)
    with world.held_to_the_bound(own=1) as count:
        assert number_of_trials(world.store, NAME) == trials
    assert count.megabytes < 0.01
    known = world.store.get_counts(NAME)
    assert known is not None
    world.store.save_counts(replace(known, is_whole=False, states={"completed": 1}))
    assert number_of_trials(world.store, NAME) == trials, "those that a former version recorded are not counted"


def half_fail(world: Grown) -> RegionKeeper:
    """Doomed regions are asked for, and half of the waiting trials have a value with which trials fail."""
    asked = {"action": "cancel", "confidence": 0.8, "share": 0.5, "min_failures": 4}
    record = world.experiment
    later = record.uploaded_at + timedelta(seconds=1)
    world.store.put_experiment(
        replace(record, document={**record.document, "doomed_regions": asked}, uploaded_at=later)
    )
    before = world.store.list_trials(NAME)
    world.store.update_trials([
        (trial, replace(trial, hyperparameters={"eta": 1.0 if trial.index % 2 else 0.1, "seed": trial.index}))
        for trial in before
    ])  # fmt: skip
    return RegionKeeper(store=world.store, alerts=AlertOutbox(world.store, FakeQueue()), clock=world.clock)


def over(world: Grown, indexes: Iterable[int]) -> None:
    every = {trial.index: trial for trial in world.store.list_trials(NAME)}
    for trial in (every[index] for index in indexes):
        fails = trial.hyperparameters["eta"] == 1.0
        state, reason = (TrialState.STOPPED, "stopped by finite@7") if fails else (TrialState.COMPLETED, None)
        world.store.update_trial(replace(trial, state=state, reason=reason), expected=trial)


@pytest.mark.parametrize("trials", [100, 1_000])
def test_a_hundred_stops_of_a_minute_look_for_regions_once(trials: int) -> None:
    world = Grown(trials, state=TrialState.WAITING)
    keeper = half_fail(world)
    over(world, range(12))
    with world.held_to_the_bound(own=20 + 3 * 100 + trials / 100):
        found = [keeper.look(NAME) for _ in range(100)]
    assert found == [["eta = 1.0"], *[()] * 99]
    states = Counter(trial.state for trial in world.store.list_trials(NAME))
    assert states[TrialState.CANCELLED] == trials / 2 - 6


@pytest.mark.parametrize(("trials", "seconds"), [(40, 0), (200, 60)])
def test_a_region_is_found_at_the_first_stop_after_a_minute(trials: int, seconds: int) -> None:
    world = Grown(trials, state=TrialState.WAITING)
    keeper = half_fail(world)
    assert list(keeper.look(NAME)) == []
    over(world, range(12))
    if seconds:
        world.clock.advance(seconds - 1)
        assert keeper.look(NAME) == (), "it was looked at just now"
        world.clock.advance(1)
    assert keeper.look(NAME) == ["eta = 1.0"]


def test_a_large_grid_is_looked_at_by_one() -> None:
    world = Grown(100, state=TrialState.WAITING)
    keeper, store = half_fail(world), world.store
    over(world, range(12))

    def read_too(experiment: str) -> RegionsRecord | None:
        found = StateTable.get_regions(store, experiment)
        if not started:
            started.append(experiment)
            assert keeper.look(experiment) == ["eta = 1.0"], "somebody else is faster"
        return found

    started: list[str] = []
    store.get_regions = read_too  # type: ignore[method-assign]
    assert keeper.look(NAME) == ()


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
