"""Stories of a part of a search space in which trials fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.steering import Steering
from gridwatch.state.store import ConflictError
from react_to_finding.regions import RegionKeeper
from tests.unit.functions.test_evaluating import STUCK
from tests.unit.functions.watching import JOB, LOSS, World, at_every_call

ASKED = {"action": "cancel", "confidence": 0.8, "share": 0.5, "min_failures": 4}


def planted(asked: dict[str, Any] | None = None) -> World:
    """Of ten trials with eta 1.0 four were stopped, the fifth runs and is about to be, five wait; others are well."""
    world = World(LOSS)
    now = world.clock.now()
    trials = [(0.1, depth, TrialState.COMPLETED, None) for depth in range(5)]
    trials += [(0.1, depth, TrialState.WAITING, None) for depth in range(5, 10)]
    trials += [(1.0, depth, TrialState.STOPPED, "stopped by loss@6") for depth in range(4)]
    trials += [(1.0, depth, TrialState.WAITING, None) for depth in range(5, 10)]
    for index, (eta, depth, state, reason) in enumerate(trials, 1):
        name = f"{index:010x}"
        world.store.trials["blobs", name] = TrialRecord(
            experiment="blobs", trial_id=name, index=index, attempt=1, state=state, job_name=f"gridwatch-{name}-1",
            hyperparameters={"eta": eta, "max_depth": depth}, created_at=now, updated_at=now, reason=reason,
        )  # fmt: skip
    running = world.store.trials["blobs", "0a1b2c3d4e"]
    world.store.trials["blobs", "0a1b2c3d4e"] = replace(running, hyperparameters={"eta": 1.0, "max_depth": 4})
    document = {"doomed_regions": asked} if asked else {}
    world.store.put_experiment(
        ExperimentRecord(
            name="blobs", spec_key="experiments/blobs.yaml", spec_version="v1", uploaded_at=now, document=document,
            template={}, policies=(LOSS,), trial_ids=tuple(trial_id for _, trial_id in world.store.trials),
            parallel_jobs=1, created_at=now, updated_at=now,
        )
    )  # fmt: skip
    world.losses(*STUCK)
    world.evaluate()
    return world


def waiting(world: World) -> list[float]:
    trials = sorted(world.store.trials.values(), key=lambda trial: (-trial.priority, trial.index))
    return [trial.hyperparameters["eta"] for trial in trials if trial.state is TrialState.WAITING]


def test_points_that_wait_where_trials_fail_are_cancelled_with_the_evidence_in_the_alert() -> None:
    world = planted(ASKED)
    world.react()
    assert world.training.stopped == [JOB]
    assert waiting(world) == [0.1] * 5
    cancelled = [trial for trial in world.store.trials.values() if trial.state is TrialState.CANCELLED]
    assert {trial.reason for trial in cancelled} == {"its point lies in a doomed region: eta = 1.0"}
    (alert,) = [each for each in world.store.alerts.values() if each.kind == "region_doomed"]
    assert alert.content["title"] == "blobs: trials with eta = 1.0 fail"
    facts = {fact["label"]: fact["value"] for fact in alert.content["facts"]}
    assert (facts["Failed there"], facts["Failed elsewhere"]) == ("5 of 5", "0 of 5")
    assert "5 points that waited there were cancelled" in alert.content["summary"]


@pytest.mark.parametrize("asked", [None, {**ASKED, "min_failures": 6}, {**ASKED, "confidence": 0.999}])
def test_nothing_is_spared_unasked_or_without_the_evidence(asked: dict[str, Any] | None) -> None:
    world = planted(asked)
    world.react()
    assert waiting(world) == [0.1] * 5 + [1.0] * 5
    assert not [each for each in world.store.alerts.values() if each.kind == "region_doomed"]


def test_moved_to_the_end_they_wait_behind_all_others_and_only_once() -> None:
    world = planted({**ASKED, "action": "last"})
    world.store.trials["blobs", f"{6:010x}"] = replace(world.store.trials["blobs", f"{6:010x}"], index=99)
    world.react()
    assert waiting(world) == [0.1] * 5 + [1.0] * 5
    keeper(world).look("blobs")
    assert {trial.priority for trial in world.store.trials.values()} == {0, -1}


def test_a_call_that_dies_anywhere_is_completed_by_the_next() -> None:
    for world in at_every_call(lambda world, fuse: world.react(fuse=fuse), lambda: planted(ASKED)):
        world.react()
        assert waiting(world) == [0.1] * 5
        (alert,) = [each for each in world.store.alerts.values() if each.kind == "region_doomed"]
        assert "5 points that waited" in alert.content["summary"]


@pytest.mark.parametrize("action", ["cancel", "last"])
def test_the_way_back_lets_them_wait_again_and_the_region_is_not_doomed_again(action: str) -> None:
    world = planted({**ASKED, "action": action})
    world.react()
    steering = Steering(
        store=world.store, training=world.training, start_queue=world.start_queue, snapshot_queue=world.snapshot_queue,
        clock=world.clock, tell=lambda line: None,
    )  # fmt: skip
    experiment = world.store.experiments["blobs"]
    with pytest.raises(LookupError, match=r"there are: eta = 1\.0"):
        steering.retry_region(experiment, "eta = 2")
    assert steering.retry_region(experiment, "eta = 1.0") == 5
    assert waiting(world) == [0.1] * 5 + [1.0] * 5
    assert {trial.priority for trial in world.store.trials.values()} == {0}
    assert world.start_queue.messages
    assert keeper(world).look("blobs") == []
    assert waiting(world) == [0.1] * 5 + [1.0] * 5


def test_stops_across_trials_say_nothing_of_failing() -> None:
    world = planted(ASKED)
    experiment = world.store.experiments["blobs"]
    world.store.experiments["blobs"] = replace(experiment, policies=(replace(LOSS, rule="GridDefault"),))
    assert keeper(world).look("blobs") == []


@pytest.mark.parametrize(
    "damaged", [{"action": "cancel"}, {**ASKED, "confidence": "high"}, "cancel", {**ASKED, "share": None}]
)
def test_a_damaged_section_keeps_regions_unknown_and_the_stop_is_told_once(damaged: Any) -> None:
    world = planted(damaged)
    (reaction,) = world.react()
    assert "doomed_regions" in str(reaction.regions_not_looked_for)
    assert world.training.stopped == [JOB]
    assert waiting(world) == [0.1] * 5 + [1.0] * 5
    (kept,) = world.store.list_reactions(JOB)
    assert kept.carried_out_at is not None
    assert [alert.kind for alert in world.store.alerts.values()] == ["rule_issue"]


def test_what_aws_refuses_to_the_look_is_tried_again() -> None:
    world = planted(ASKED)

    def busy(*_: Any) -> Any:
        raise ConflictError("written to all the time")

    world.store.get_regions = busy  # type: ignore[method-assign]
    with pytest.raises(ConflictError):
        world.react()


def keeper(world: World) -> RegionKeeper:
    return RegionKeeper(store=world.store, alerts=world.reactor().alerts, clock=world.clock)
