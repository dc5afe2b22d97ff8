"""Stories of time: jobs that stand still, and tensors whose events were lost, are found by the schedule."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.events.messages import EvaluateJob
from gridwatch_rules.failures import PermanentError
from tests.tensor_folder import MemorySource
from tests.unit.functions.watching import JOB, LOSS, World

MINUTE = 60.0
STALLED = RulePolicy(name="stalled", rule="StalledTrainingRule", parameters={"threshold": 600}, on_issue=Action.STOP)


def minute(world: World) -> None:
    """One tick of the schedule, and what it wakes."""
    world.clock.advance(MINUTE)
    world.sweeper().wake_evaluations()
    messages = list(world.evaluate_queue.messages)
    world.evaluate_queue.messages.clear()
    for message in messages:
        assert isinstance(message, EvaluateJob)
        world.evaluate(job_name=message.job_name, ended=message.ended)


def test_a_job_that_stands_still_is_stopped_within_a_minute_of_its_threshold() -> None:
    world = World(STALLED)
    world.losses(8.0, 4.0)
    world.evaluate()
    last_news = world.clock.now()
    while world.store.rule_evaluations[(JOB, "stalled")].status == "InProgress":
        minute(world)
        assert (world.clock.now() - last_news).total_seconds() < 2_000
    waited = (world.clock.now() - last_news).total_seconds()
    assert 600 < waited <= 600 + 2 * MINUTE
    world.react()
    assert world.training.stopped == [JOB]
    assert "no tensor came for" in str(world.store.rule_evaluations[(JOB, "stalled")].finding)


def test_a_job_that_goes_on_is_left_alone() -> None:
    world = World(STALLED)
    for step in range(30):
        world.tensors[JOB].save(step, {"loss": [1.0]})
        minute(world)
    assert world.store.rule_evaluations[(JOB, "stalled")].status == "InProgress"


def test_tensors_whose_events_were_all_lost_cost_a_minute() -> None:
    world = World(LOSS)
    world.losses(8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0)
    minute(world)
    assert world.store.rule_evaluations[(JOB, "loss")].status == "IssuesFound"


def test_tensors_that_may_not_be_read_fail_the_rules_of_a_watched_job_once() -> None:
    class Closed(MemorySource):
        def keys(self, prefix: str, after: str = "", limit: int | None = None) -> list[str]:
            raise PermanentError("Access Denied", code="AccessDenied")

    world = World(LOSS)
    world.store.put_job(replace(world.store.jobs[JOB], tensors_uri="s3://lake/elsewhere", watched=True))
    closed = world.evaluator(open_tensors=lambda job: Closed({}))
    for _ in range(3):
        world.clock.advance(MINUTE)
        closed.evaluate(EvaluationRequest(JOB))
    record = world.store.rule_evaluations[(JOB, "loss")]
    assert record.status == "Error"
    assert "tensor_bucket_arns" in (record.details or "")
    assert len(world.bus.events) == 1

    world.losses(8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0)
    world.evaluate()  # may be read now
    assert world.store.rule_evaluations[(JOB, "loss")].status == "IssuesFound"

    world.store.put_job(replace(world.store.jobs[JOB], tensors_uri=None))
    world.store.evaluations.clear()
    with pytest.raises(PermanentError):
        closed.evaluate(EvaluationRequest(JOB))


HANG = RulePolicy(name="hang", rule="Hang", parameters={}, on_issue=Action.STOP)


def beat(world: World, rank: int, *, step: int, idle: float, phase: str = "forward-backward") -> None:
    told = {"rank": rank, "workers": 2, "host": f"algo-{rank + 1}", "step": step, "phase": phase, "idle_seconds": idle}
    told |= {"at": world.clock.now().timestamp(), "every_seconds": 30.0}
    world.heartbeats[f"status/worker_{rank}.json"] = json.dumps(told).encode()


def test_a_rank_that_hangs_is_found_by_the_minutes_check_while_nothing_is_written() -> None:
    world = World(HANG)
    world.losses(8.0, 4.0)
    waited = 0.0
    while world.store.rule_evaluations.get((JOB, "hang")) is None or (
        world.store.rule_evaluations[(JOB, "hang")].status == "InProgress"
    ):
        beat(world, 0, step=1, idle=waited)
        beat(world, 1, step=0, idle=waited)
        minute(world)
        waited += MINUTE
        assert waited < 1_000
    assert 300 < waited <= 300 + 2 * MINUTE
    finding = world.store.rule_evaluations[(JOB, "hang")].finding
    assert "rank 1 of 2 on algo-2 has stood still" in str(finding)
    assert "rank 0 waits for it" in str(finding)
    world.react()
    assert world.training.stopped == [JOB]


def test_ranks_that_go_on_and_ranks_that_are_over_are_no_hang() -> None:
    world = World(HANG)
    for number in range(20):
        beat(world, 0, step=number, idle=20.0)
        beat(world, 1, step=number, idle=20.0, phase="over")
        minute(world)
    assert world.store.rule_evaluations[(JOB, "hang")].status == "InProgress"
    world.evaluate(ended=True)
    assert world.store.rule_evaluations[(JOB, "hang")].status == "NoIssuesFound"


@pytest.mark.parametrize("status", ["Interrupted", "Restarting", "Starting"])
@pytest.mark.parametrize("policy", [HANG, STALLED], ids=lambda policy: policy.name)
def test_a_job_that_waits_for_capacity_does_not_stand_still(policy: RulePolicy, status: str) -> None:
    world = World(policy)
    world.losses(8.0, 4.0)
    beat(world, 0, step=1, idle=0.0)
    minute(world)

    def after(minutes: int) -> str:
        for _ in range(minutes):
            minute(world)
        return world.store.rule_evaluations[(JOB, policy.name)].status

    say(world, status)
    assert after(120) == "InProgress"
    say(world, "Training")
    assert after(8) == "InProgress", "it has begun again, and has not told anything yet"
    assert after(30) == "IssuesFound"


def say(world: World, status: str) -> None:
    """The job's secondary status is this one now."""
    trial = world.trial
    world.store.trials[(trial.experiment, trial.trial_id)] = replace(trial, secondary_status=status)


def test_heartbeats_are_not_read_where_tensors_have_just_come() -> None:
    world = World(HANG)
    world.losses(8.0, 4.0)
    beat(world, 0, step=1, idle=9_000.0)
    arrived = EvaluationRequest(JOB, profile=False, log=False, arrived=("index/000000000/000000000001_worker_0.json",))
    world.evaluator().evaluate(arrived)
    assert world.store.rule_evaluations[(JOB, "hang")].status == "InProgress"
    world.evaluate()
    assert world.store.rule_evaluations[(JOB, "hang")].status == "IssuesFound"


def test_a_job_without_heartbeats_ends_as_one_that_was_not_seen() -> None:
    world = World(HANG)
    world.losses(8.0, 4.0)
    world.evaluate(ended=True)
    assert world.store.rule_evaluations[(JOB, "hang")].status == "SawNothing"


class Forbidden(MemorySource):
    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> list[str]:
        raise PermanentError("Access Denied", code="AccessDenied")


def test_heartbeats_that_may_not_be_read_keep_no_other_rule_of_a_watched_job_from_its_verdict() -> None:
    world = World(HANG, LOSS)
    world.store.put_job(replace(world.store.jobs[JOB], tensors_uri="s3://lake/elsewhere", watched=True))
    world.losses(8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0)
    evaluator = replace(world.evaluator(), open_heartbeats=lambda job: Forbidden({}))
    evaluator.evaluate(EvaluationRequest(JOB))
    assert world.store.rule_evaluations[(JOB, "loss")].status == "IssuesFound"
    assert world.store.rule_evaluations[(JOB, "hang")].status == "InProgress"
    evaluator.evaluate(EvaluationRequest(JOB, ended=True))
    assert world.store.rule_evaluations[(JOB, "hang")].status == "SawNothing"


def test_heartbeats_of_our_own_job_that_may_not_be_read_are_an_error_of_the_deployment() -> None:
    world = World(HANG)
    world.losses(8.0, 4.0)
    with pytest.raises(PermanentError):
        replace(world.evaluator(), open_heartbeats=lambda job: Forbidden({})).evaluate(EvaluationRequest(JOB))
