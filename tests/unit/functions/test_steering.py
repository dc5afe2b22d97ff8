"""Stopping a part of an experiment, and trying again what failed."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from gridwatch.cli.errors import CliError
from gridwatch.cli.steering import condition
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import EvaluateJob, SnapshotExperiment
from gridwatch.launch.observation import REMOVED
from gridwatch.launch.steering import BY_HAND, Steering, StopReport
from gridwatch.state.store import StateStore
from gridwatch_rules.failures import ThrottledError
from tests.fakes.fuse import Fuse
from tests.fakes.mortal_store import KilledError, MortalStore
from tests.unit.functions.test_launching import fail, limited
from tests.unit.functions.world import World, example


def steering(world: World, store: StateStore | None = None) -> Steering:
    told: list[str] = []
    return Steering(
        store=store or world.store, training=world.training, start_queue=world.start_queue,
        snapshot_queue=world.snapshot_queue, clock=world.clock, tell=told.append,
    )  # fmt: skip


def test_what_waits_is_cancelled_and_what_runs_is_stopped_one_a_second() -> None:
    world = World()
    world.submit(example())
    world.start()
    world.clock.slept.clear()

    assert steering(world).stop("blobs", condition(None)) == StopReport(cancelled=4, stopped=4, unclear=0)

    assert len(world.training.stopped) == 4
    assert world.clock.slept == [pytest.approx(1.0)] * 3
    assert {trial.reason for trial in world.trials(TrialState.CANCELLED)} == {BY_HAND}
    world.clock.advance(60)
    world.submit(example())
    assert len(world.trials(TrialState.CANCELLED)) == 4, "an upload does not bring back what a person cancelled"


def test_nothing_waits_any_more_when_the_first_job_is_stopped() -> None:
    world = World()
    world.submit(example())
    world.start()
    original, waiting = world.training.stop_job, []

    def stop_job(job_name: str) -> bool:
        waiting.append(len(world.trials(TrialState.WAITING)))
        return original(job_name)

    world.training.stop_job = stop_job  # type: ignore[method-assign]
    steering(world).stop("blobs", condition(None))
    assert waiting == [0] * 4


def test_only_the_trials_that_the_expression_means() -> None:
    world = World()
    world.submit(example())
    world.start()

    report = steering(world).stop("blobs", condition("gamma > 3 && num_round == 10"))

    assert (report.cancelled, report.stopped) == (1, 1)
    gone = [trial.hyperparameters for trial in world.trials(TrialState.CANCELLED)]
    assert {(each["gamma"], each["num_round"]) for each in gone} == {(4, 10)}
    assert steering(world).stop("blobs", condition("state == 'running'")).stopped == 3


@pytest.mark.parametrize(("where", "says"), [("eta >", "no CEL"), ("etta > 1", "etta"), ("eta", "neither true")])
def test_an_expression_that_says_nothing_of_a_trial_stops_nothing(where: str, says: str) -> None:
    world = World()
    world.submit(example())
    world.start()
    with pytest.raises(CliError, match=says):
        steering(world).stop("blobs", condition(where))
    assert world.training.stopped == []


def test_throttled_stops_are_repeated() -> None:
    world = World()
    world.submit(example())
    world.start()
    world.training.stop_failures = [ThrottledError("Rate exceeded")] * 2
    assert steering(world).stop("blobs", condition(None)).stopped == 4


def test_failed_trials_are_tried_again_as_new_jobs_and_the_limit_lets_go() -> None:
    world = World()
    world.submit(limited("max_failures: 2").replace("parallel_jobs: 4", "parallel_jobs: 2"))
    world.start()
    for _ in range(2):
        fail(world, "AlgorithmError: MemoryError")
    world.start()
    assert world.trials(TrialState.RUNNING) == []
    experiment = world.store.get_experiment("blobs")
    assert experiment is not None

    assert steering(world).retry(experiment, {TrialState.FAILED}) == 2

    world.start()
    assert [(trial.attempt, trial.job_name[-2:]) for trial in world.trials(TrialState.RUNNING)] == [(2, "-2")] * 2
    assert len(world.training.requests) == 4


def test_a_grid_held_by_its_first_failures_goes_on_when_they_are_tried_again() -> None:
    world = World()
    world.submit(example())
    world.start()
    for _ in range(4):
        fail(world, "AlgorithmError: no such column")
    world.start()
    assert world.trials(TrialState.RUNNING) == []
    experiment = world.store.get_experiment("blobs")
    assert experiment is not None

    assert steering(world).retry(experiment, {TrialState.FAILED}) == 4

    world.start()
    assert len(world.trials(TrialState.RUNNING)) == 4


def test_points_that_are_gone_are_not_tried_again() -> None:
    world = World()
    world.submit(example())
    world.clock.advance(10)
    world.submit(example().replace("max_depth: [2, 8]", "max_depth: [2]"))
    experiment = world.store.get_experiment("blobs")
    assert experiment is not None
    assert {trial.reason for trial in world.trials(TrialState.CANCELLED)} == {REMOVED}
    assert steering(world).retry(experiment, {TrialState.CANCELLED}) == 0


@pytest.mark.parametrize("calls", range(0, 24, 3))
def test_killed_anywhere_and_done_again_everything_is_stopped(calls: int) -> None:
    world = World()
    world.submit(example())
    world.start()
    with contextlib.suppress(KilledError):
        steering(world, MortalStore(world.store, calls)).stop("blobs", condition(None))
    steering(world).stop("blobs", condition(None))
    assert len(world.training.stopped) == 4
    assert len(world.trials(TrialState.CANCELLED)) == 4


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("calls", range(5))
def test_a_retry_killed_anywhere_and_done_again_gives_each_failed_trial_one_more_job(calls: int, after: bool) -> None:
    world = World()
    world.submit(limited("max_failures: 3"))
    world.start()
    for _ in range(4):
        fail(world, "AlgorithmError: MemoryError")
    experiment = world.store.get_experiment("blobs")
    assert experiment is not None
    fuse = Fuse(calls, after=after)
    mortal = replace(
        steering(world, fuse.guard(world.store)),
        start_queue=fuse.guard(world.start_queue),
    )

    with contextlib.suppress(KilledError):
        mortal.retry(experiment, {TrialState.FAILED})
    assert fuse.left < 0, "it was killed"
    world.start()  # of what waits again some may be launched meanwhile
    steering(world).retry(experiment, {TrialState.FAILED})
    complete(world)

    assert [trial.state for trial in world.trials()] == [TrialState.COMPLETED] * 8
    assert sorted(trial.attempt for trial in world.trials()) == [1] * 4 + [2] * 4
    names = [request["TrainingJobName"] for request in world.training.requests]
    assert len(names) == len(set(names)) == 12


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("calls", range(12))
def test_killed_anywhere_while_a_capacity_failure_is_recorded_the_trial_gets_one_more_job(
    calls: int, after: bool
) -> None:
    world = World()
    world.submit(example())
    world.start()
    lost = world.trials(TrialState.RUNNING)[0]
    end = world.training.finish(lost.job_name, "Failed", failure_reason="CapacityError: Unable to provision")
    fuse = Fuse(calls, after=after)
    tracker = world.tracker()
    mortal = replace(
        tracker,
        store=fuse.guard(world.store),
        start_queue=fuse.guard(world.start_queue),
        evaluate_queue=fuse.guard(world.evaluate_queue),
        snapshot_queue=fuse.guard(world.snapshot_queue),
    )

    with contextlib.suppress(KilledError):
        mortal.track(end)
    for _ in range(2):  # the event comes again, and once more than it should
        tracker.track(end)
    assert EvaluateJob(lost.job_name, ended=True) in world.evaluate_queue.messages
    assert SnapshotExperiment("blobs") in world.snapshot_queue.messages
    world.clock.advance(120)
    complete(world)

    assert [trial.state for trial in world.trials()] == [TrialState.COMPLETED] * 8
    assert {trial.trial_id: trial.attempt for trial in world.trials() if trial.attempt > 1} == {lost.trial_id: 2}
    names = [request["TrainingJobName"] for request in world.training.requests]
    assert len(names) == len(set(names)) == 9


def complete(world: World) -> None:
    """Launching and training until nothing changes any more."""
    for _ in range(4):
        world.start()
        for trial in world.trials(TrialState.RUNNING):
            world.finish(trial.job_name)
