"""Stories of the digest's moment: how an experiment ended is told when its rules have said their last word."""

from __future__ import annotations

from dataclasses import replace

from deliver_alert.digesting import LOOK_AGAIN_SECONDS, PATIENCE
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import DigestExperiment
from tests.unit.functions.watching import JOB, LOSS, World
from tests.unit.tables.facts_of import an_experiment

RELU = RulePolicy(name="relu", rule="DeadRelu", on_issue=Action.ALERT)
STUCK = [8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0]


def ended(on_issue: Action = Action.RECORD) -> World:
    """A world whose only job is over, with a rule that must find something in it."""
    world = World(replace(LOSS, on_issue=on_issue))
    world.store.put_experiment(an_experiment(name="blobs", trial_ids=("0a1b2c3d4e",)))
    world.losses(*STUCK)
    key = ("blobs", "0a1b2c3d4e")
    world.store.trials[key] = replace(
        world.trial, state=TrialState.COMPLETED, status="Completed", updated_at=world.clock.now()
    )
    return world


def findings(world: World) -> str | None:
    digest = world.digest("blobs")
    if digest is None:
        return None
    return {fact["label"]: fact["value"] for fact in digest.content["facts"]}["Findings"]


def test_a_finding_that_is_only_recorded_has_its_line_however_late_it_is_reacted_to() -> None:
    world = ended()
    assert findings(world) is None, "the rules have not looked at the job yet"
    world.evaluate(ended=True)
    assert findings(world) is None, "nobody has reacted yet"
    assert world.alert_queue.messages == [DigestExperiment("blobs")] * 2
    assert world.alert_queue.delays[-1] == LOOK_AGAIN_SECONDS
    world.react()
    assert findings(world) == "loss 1 x recorded"


def test_rules_that_saw_nothing_have_their_own_line() -> None:
    world = ended(Action.STOP)
    job = world.store.get_job(JOB)
    assert job is not None
    world.store.put_job(replace(job, policies=(*job.policies, RELU)))
    world.evaluate(ended=True)
    world.react()
    digest = world.digest("blobs")
    assert digest is not None
    facts = {fact["label"]: fact["value"] for fact in digest.content["facts"]}
    assert facts["Findings"] == "loss 1 x stopped"
    assert facts["Saw nothing"] == (
        "relu in 1 of 1 job: DeadRelu looks for batches saved whole in the collection relu_output or tensors named "
        "like .*relu_output; none was there: in 7 steps the job saved loss at 7 steps"
    )


def test_a_verdict_that_never_comes_does_not_keep_the_digest_for_ever() -> None:
    world = ended()
    world.clock.advance(PATIENCE.total_seconds() + 1)
    assert findings(world) == "none"
