"""Stories of repair: once, with one change, linked, within the limits, whatever comes twice or dies in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gridwatch.domain.deployments import StoppingRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.repairing import NOT_OURS, last_good_step
from gridwatch.state.store import ConflictError
from gridwatch_rules.failures import PermanentError
from react_to_finding.stopping import StopOutcome
from tests.unit.functions.world import World, example

REPAIR = """
rules:
  - rule: LossNotDecreasing
    name: diverging
    parameters: {collection_names: metrics}
    on_issue: stop
repair:
  rules: [diverging]
  hyperparameter: eta
  times: 0.1
"""
FINDING = {
    "tensor": "validation-logloss",
    "step": 8,
    "curve": {"steps": [0, 2, 4, 6, 8], "values": [0.7, 0.5, 0.6, 0.9, "nan"]},
}


def begun(more: str = "", limits: str | None = None) -> World:
    world = World()
    spec = example() + REPAIR + more
    world.submit(spec if limits is None else spec.replace("  trials: 16\n", limits))
    world.start()
    return world


def react(world: World, trial: TrialRecord, *, rule: str = "diverging", action: str = "stop", **known: Any) -> None:
    outcome = known.get("outcome", "stop requested")
    record = ReactionRecord(
        job_name=trial.job_name, rule_name=rule, experiment="blobs", trial_id=trial.trial_id, action=action,
        reason="because", outcome=None, alert_id=None, finding=FINDING, decided_at=world.clock.now(),
    )  # fmt: skip
    world.store.claim_reaction(record, until=world.clock.now())
    if outcome is not None:
        world.store.finish_reaction(replace(record, outcome=outcome, carried_out_at=world.clock.now()))


def stopped(world: World, **known: Any) -> TrialRecord:
    """The first trial, stopped by the rule; as it is recorded then."""
    trial = world.trials(TrialState.RUNNING)[0]
    react(world, trial, **known)
    world.finish(trial.job_name, "Stopped")
    return now(world, trial)


def now(world: World, trial: TrialRecord) -> TrialRecord:
    found = world.store.get_trial("blobs", trial.trial_id)
    assert found is not None
    return found


def repairs(world: World) -> list[TrialRecord]:
    return [trial for trial in world.trials() if trial.parent is not None]


def started(world: World, child: TrialRecord) -> dict[str, Any]:
    """What SageMaker is asked for when the repair's turn has come: the grid's own trials go before."""
    while now(world, child).state is TrialState.WAITING:
        for trial in world.trials(TrialState.RUNNING):
            world.finish(trial.job_name)
        world.start()
    (request,) = [each for each in world.training.requests if each["TrainingJobName"] == child.job_name]
    return dict(request)


def test_a_stopped_trial_is_trained_once_more_with_one_change() -> None:
    world = begun()
    parent = stopped(world)

    (child,) = repairs(world)
    assert (child.parent, child.state, child.attempt) == (parent.trial_id, TrialState.WAITING, 1)
    assert child.hyperparameters == {**parent.hyperparameters, "eta": 0.02}
    assert child.change == "eta 0.2 -> 0.02, from the start"
    assert parent.repair == f"repaired by {child.trial_id}"
    request = started(world, child)
    assert {"Key": "gridwatch:parent", "Value": parent.trial_id} in request["Tags"]
    assert request["HyperParameters"]["eta"] == "0.02"
    told = [alert for alert in world.store.alerts.values() if alert.kind == "trial_repaired"]
    assert [alert.content["severity"] for alert in told] == ["info"]


def test_events_that_come_twice_and_late_change_nothing() -> None:
    world = begun()
    parent = stopped(world)
    for _ in range(3):
        world.finish(parent.job_name, "Stopped")
    assert len(repairs(world)) == 1
    assert len([alert for alert in world.store.alerts.values() if alert.kind == "trial_repaired"]) == 1


def test_a_repair_is_never_repaired() -> None:
    world = begun()
    stopped(world)
    (child,) = repairs(world)
    started(world, child)
    react(world, child)
    world.finish(child.job_name, "Stopped")
    assert len(repairs(world)) == 1
    assert now(world, child).repair is None


@pytest.mark.parametrize("outcome", [None, *(each.value for each in StopOutcome)])
def test_what_the_rule_did_not_stop_is_not_repaired(outcome: str | None) -> None:
    world = begun()
    stopped(world, outcome=outcome)
    ours = outcome is None or StopOutcome(outcome).is_ours
    assert bool(repairs(world)) is ours
    assert (outcome in NOT_OURS) is not ours


@pytest.mark.parametrize(("rule", "action"), [("other", "stop"), ("diverging", "alert"), ("diverging", "would stop")])
def test_other_rules_and_other_reactions_repair_nothing(rule: str, action: str) -> None:
    world = begun()
    stopped(world, rule=rule, action=action)
    assert repairs(world) == []


def test_a_trial_that_a_person_stopped_or_that_failed_is_not_repaired() -> None:
    world = begun()
    first, second = world.trials(TrialState.RUNNING)[:2]
    world.finish(first.job_name, "Stopped")
    react(world, second)
    world.finish(second.job_name, "Failed")
    assert repairs(world) == []


def test_nothing_is_repaired_while_stopping_is_paused_also_not_later() -> None:
    world = begun()
    world.store.put_stopping(StoppingRecord(paused=True, by="ana", reason="release", at=world.clock.now()))
    parent = stopped(world)
    world.store.put_stopping(StoppingRecord(paused=False, by="ana", reason="over", at=world.clock.now()))
    world.finish(parent.job_name, "Stopped")
    assert repairs(world) == []
    assert now(world, parent).repair == "not repaired: stopping is paused, by ana: release"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ("  trials: 8\n", "limits.trials allows 8 trials"),
        ("  trials: 16\n  deadline: 2027-01-01T00:00:00+00:00\n", "deadline is reached"),
    ],
)
def test_limits_hold_for_repairs_too(limits: str, reason: str) -> None:
    world = begun(limits=limits)
    if "deadline" in limits:
        world.clock.advance(86_400 * 400)
        world.start()
    parent = stopped(world)
    assert repairs(world) == []
    assert reason in (parent.repair or "")
    told = [alert for alert in world.store.alerts.values() if alert.kind == "trial_repaired"]
    assert [alert.content["severity"] for alert in told] == ["warning"]


def test_a_repair_goes_on_from_the_last_good_checkpoint() -> None:
    world = begun("  resume: true\n")
    trial = world.trials(TrialState.RUNNING)[0]
    world.checkpoints.kept["blobs", trial.trial_id] = {1, 2, 7, 8}
    stopped(world)
    (child,) = repairs(world)
    assert child.change == "eta 0.2 -> 0.02, from the checkpoint of round 2"
    assert world.checkpoints.kept["blobs", child.trial_id] == {2}
    config = started(world, child)["CheckpointConfig"]
    assert config["S3Uri"] == f"s3://artifacts-bucket/checkpoints/blobs/{child.trial_id}"


def test_without_a_good_checkpoint_it_begins_anew_and_says_so() -> None:
    world = begun("  resume: true\n")
    world.checkpoints.kept["blobs", world.trials(TrialState.RUNNING)[0].trial_id] = {7, 8}
    stopped(world)
    assert [child.change for child in repairs(world)] == [
        "eta 0.2 -> 0.02, from the start, as no checkpoint is older than the fault"
    ]
    other = begun("  resume: true\n")
    other.checkpoints.error = PermanentError("no", code="AccessDenied")
    stopped(other)
    assert "as the checkpoints cannot be read (AccessDenied)" in (repairs(other)[0].change or "")


def test_killed_after_the_decision_the_next_delivery_completes_it() -> None:
    world = begun()
    parent = stopped(world)
    (child,) = repairs(world)
    del world.store.trials[("blobs", child.trial_id)]  # the call died before it recorded the repair
    world.finish(parent.job_name, "Stopped")
    assert [each.trial_id for each in repairs(world)] == [child.trial_id]


def test_an_upload_of_the_spec_keeps_the_repair_and_a_removed_point_takes_it_along() -> None:
    world = begun()
    parent = stopped(world)
    (child,) = repairs(world)
    world.submit(example() + REPAIR)
    assert now(world, child).state is TrialState.WAITING
    deeper = 2 if parent.hyperparameters["max_depth"] == 8 else 8
    world.submit(example().replace("max_depth: [2, 8]", f"max_depth: [{deeper}]") + REPAIR)
    assert now(world, child).state is TrialState.CANCELLED


def test_the_last_good_step_is_that_of_the_best_value() -> None:
    assert last_good_step(FINDING) == 2
    assert last_good_step({**FINDING, "tensor": "validation-auc"}) == 6
    assert last_good_step({"curve": {"steps": [1], "values": ["nan"]}}) is None
    assert last_good_step({"step": 4}) is None


def test_of_two_who_decide_at_once_one_must_look_again() -> None:
    world = begun()
    trial = world.trials(TrialState.RUNNING)[0]
    react(world, trial)
    tracker = world.tracker()
    world.clock.advance(1)
    tracker.track(world.training.finish(trial.job_name, "Stopped"))
    with pytest.raises(ConflictError):
        tracker.repairer.repair(replace(now(world, trial), repair=None, updated_at=trial.updated_at))
    assert len(repairs(world)) == 1
