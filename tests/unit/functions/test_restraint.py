"""Stories of stops that are not made: protected, paused, in shadow, withdrawn; and of what a stop spares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gridwatch.domain.deployments import StoppingRecord
from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.rules import RulePolicy
from gridwatch_rules.failures import PermanentError, ThrottledError
from react_to_finding.reacting import PROTECT_TAG
from tests.fakes.training import ARN
from tests.unit.functions.watching import JOB, LOSS, World

STUCK = [8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0]


def found(policy: RulePolicy = LOSS, **description: Any) -> World:
    """A world whose rule has just found something."""
    world = World(policy)
    world.training.jobs[JOB] = replace(world.training.jobs[JOB], **description)
    world.losses(*STUCK)
    world.evaluate()
    return world


def pause(world: World, *, paused: bool = True) -> None:
    world.store.put_stopping(StoppingRecord(paused=paused, by="ana", reason="audit week", at=world.clock.now()))


def told(world: World) -> str:
    world.deliver_all()
    ((subject, body, _),) = world.topic.messages
    return f"{subject}\n{body}"


def test_a_protected_rule_tells_and_stops_nothing() -> None:
    world = found(replace(LOSS, protect=True))
    world.react()
    assert world.training.stopped == []
    (reaction,) = world.reactions
    assert (reaction.action, reaction.reason) == ("alert", "the spec protects jobs from this rule (protect: true)")
    assert "protect: true" in told(world)


@pytest.mark.parametrize(("value", "stopped"), [("true", []), ("", []), ("false", [JOB]), ("False", [JOB])])
def test_a_job_that_is_tagged_as_protected_is_not_stopped(value: str, stopped: list[str]) -> None:
    world = found()
    world.training.tags[ARN + JOB][PROTECT_TAG] = value
    world.react()
    assert world.training.stopped == stopped


def test_while_stopping_is_paused_findings_are_told_with_who_and_why() -> None:
    world = found()
    pause(world)
    world.react()
    assert world.training.stopped == []
    assert "stopping is paused, by ana: audit week" in told(world).replace("\n", " ")
    pause(world, paused=False)
    world.react()
    assert world.training.stopped == []  # it was told so; what was found before is not caught up with


def test_after_the_pause_jobs_are_stopped_again() -> None:
    world = found()
    pause(world)
    pause(world, paused=False)
    world.react()
    assert world.training.stopped == [JOB]


def test_a_pause_reaches_a_stop_that_waits_for_its_turn() -> None:
    world = found()
    world.training.stop_failures = [ThrottledError("slow down")]
    world.invocation_seconds = 1
    with pytest.raises(ThrottledError):
        world.react()
    pause(world)
    world.invocation_seconds = 60
    world.react()
    assert world.training.stopped == []
    (reaction,) = world.reactions
    assert (reaction.action, reaction.outcome) == ("stop", "not stopped: stopping was paused meanwhile")
    assert "stopped by" not in (world.trial.reason or "")


def test_shadow_tells_what_would_have_been_stopped_and_stops_nothing() -> None:
    began = World().clock.now() - timedelta(seconds=60)
    world = found(replace(LOSS, shadow=True), started_at=began, max_runtime_seconds=3_600)
    world.react()
    assert world.training.stopped == []
    (reaction,) = world.reactions
    assert (reaction.action, reaction.outcome) == ("would stop", "not stopped")
    assert reaction.savings is not None
    text = told(world)
    assert "[Gridwatch] Would have stopped blobs/0a1b2c3d4e: loss" in text
    assert "Would have saved" in text
    assert world.training.tags[ARN + JOB] == {}
    assert world.store.stops == {}


def test_shadow_changes_nothing_about_milder_rules() -> None:
    from gridwatch.domain.rules import Action

    world = found(replace(LOSS, shadow=True, on_issue=Action.ALERT))
    world.react()
    assert world.reactions[0].action == "alert"


def test_a_rule_in_shadow_does_not_keep_another_from_stopping() -> None:
    world = World(replace(LOSS, shadow=True), replace(LOSS, name="live"))
    world.losses(*STUCK)
    world.evaluate()
    world.react()
    assert world.training.stopped == [JOB]
    assert {reaction.rule_name: reaction.action for reaction in world.reactions} == {
        "loss": "would stop",
        "live": "stop",
    }


def test_a_stop_is_entered_in_the_ledger_and_told() -> None:
    """7 of 70 rounds, ten seconds each, the last of them just now; at the package's price."""
    world = World(LOSS)
    world.training.jobs[JOB] = replace(world.training.jobs[JOB], instance_type="ml.m5.large", instance_count=1)
    tensors = world.tensors[JOB]
    tensors.step_seconds, tensors.began = 10.0, world.clock.now().timestamp() + 121 - 60
    world.losses(*STUCK)
    world.evaluate()
    world.store.put_job(replace(world.store.jobs[JOB], hyperparameters={"num_round": 70}))
    world.training.jobs[JOB] = replace(world.training.jobs[JOB], started_at=world.clock.now() - timedelta(seconds=20))
    (told_of,) = world.react() or ()  # two minutes later
    (reaction,) = world.reactions
    assert told_of.savings == reaction.savings, "the dashboard counts what the ledger has"
    assert reaction.savings is not None
    assert reaction.savings.seconds == pytest.approx(630)
    assert reaction.savings.cost == pytest.approx(630 / 3600 * 0.115)
    assert "Saved" in told(world)
    assert "estimate" in told_again(world)


def told_again(world: World) -> str:
    return world.topic.messages[0][1]


def test_a_job_that_was_over_is_not_in_the_ledger() -> None:
    world = found(max_runtime_seconds=3_600)
    world.training.finish(JOB)
    world.react()
    assert world.reactions[0].savings is None


class Withdrawn(World):
    """A watched job whose owner has taken the tag away before the reaction."""

    def __init__(self) -> None:
        super().__init__(LOSS)
        self.store.put_job(replace(self.store.jobs[JOB], watched=True))
        self.losses(*STUCK)
        self.evaluate()


def test_a_watched_job_without_its_tag_is_left_alone() -> None:
    world = Withdrawn()
    world.react()
    assert world.training.stopped == []
    assert "the job's owner has taken the tag gridwatch:watch away" in told(world).replace("\n", " ").replace("  ", "")


def test_a_watched_job_that_may_not_be_seen_any_more_is_left_alone() -> None:
    world = Withdrawn()

    def refuse(job_name: str) -> JobDescription:
        raise PermanentError("not authorized", code="AccessDeniedException")

    world.training.describe_job = refuse  # type: ignore[method-assign]
    world.react()
    assert world.reactions[0].reason == "the job's owner has taken the tag gridwatch:watch away"


def test_a_watched_job_with_its_tag_is_stopped() -> None:
    world = Withdrawn()
    world.training.tags[ARN + JOB]["gridwatch:watch"] = "careful"
    world.react()
    assert world.training.stopped == [JOB]
