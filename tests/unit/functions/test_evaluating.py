"""Stories of evaluating: what tensors arrive, what is put on the bus, what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from evaluate_rules.evaluating import Outcome
from evaluate_rules.requests import read_batch
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.events.evaluation_request import EvaluationRequest, evaluation_request
from gridwatch.events.messages import EvaluateJob, SnapshotExperiment, to_body
from gridwatch.events.sqs import QueuedBody, partial_response, queued_bodies
from gridwatch.state.store import SavedEvaluation
from gridwatch.storage.layout import tensor_prefix
from gridwatch_rules.failures import TransientError
from gridwatch_rules.status import RuleStatus, event_status
from tests.fakes.clock import START
from tests.tensor_folder import MemorySource, TensorFolder
from tests.unit.functions.watching import FINITE, JOB, LOSS, World, at_every_call

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs/schema/rule-status-change.schema.json").read_text())
FALLING = [8.0, 4.0, 2.0, 1.0]
STUCK = [*FALLING, 1.0, 1.0, 1.0]  # checked at steps 2, 4 and 6: at 4 the loss fell from 2 to 1, at 6 not at all
FOUND_AT = 6


def finding_of(event: dict[str, Any]) -> dict[str, Any]:
    (only,) = event["detail"]["Findings"]
    finding: dict[str, Any] = only["Finding"]
    return finding


def found(world: World) -> list[dict[str, Any]]:
    """The events that tell of a finding."""
    return [event for event in world.bus.events if event["detail"]["Findings"]]


def told(event: dict[str, Any]) -> dict[str, str]:
    listed = event["detail"]["DebugRuleEvaluationStatuses"]
    return {each["RuleConfigurationName"]: each["RuleEvaluationStatus"] for each in listed}


def statuses(world: World) -> dict[str, str]:
    return {record.rule_name: record.status for record in world.store.list_rule_evaluations(JOB)}


def test_a_finding_is_put_on_the_bus_recorded_and_told_only_once() -> None:
    world = World()
    world.losses(*STUCK)

    evaluated = world.evaluate()

    assert (evaluated.outcome, evaluated.last_step) == (Outcome.CHANGED, FOUND_AT)
    (event,) = world.bus.events
    jsonschema.validate(event["detail"], SCHEMA)
    assert event["detail"]["TrainingJobName"] == JOB
    assert event["detail"]["TrainingJobArn"].endswith(JOB)
    (status,) = event["detail"]["DebugRuleEvaluationStatuses"]
    assert (status["RuleConfigurationName"], status["RuleEvaluationStatus"]) == ("loss", "IssuesFound")
    assert f"at step {FOUND_AT}" in status["StatusDetails"]
    finding = finding_of(event)
    assert (finding["step"], finding["tensor"], finding["observed"]) == (FOUND_AT, "loss", 0.0)
    assert finding["curve"] == {"steps": list(range(7)), "values": STUCK}
    assert statuses(world) == {"loss": "IssuesFound"}

    assert world.evaluate().outcome is Outcome.UNCHANGED  # the objective is followed to the end
    assert world.evaluate(ended=True).outcome is Outcome.UNCHANGED
    assert world.evaluate(ended=True).outcome is Outcome.OVER
    assert len(world.bus.events) == 1


@pytest.mark.parametrize("arrivals", [[6], [0, 1, 2, 3, 4, 5, 6], [3, 2, 3, 0, 6, 6], [5, 6]])
def test_however_the_steps_arrive_the_finding_is_the_same(arrivals: list[int]) -> None:
    world = World()
    world.losses(*STUCK)
    for world.until in arrivals:
        world.evaluate()
    (event,) = found(world)
    assert finding_of(event)["step"] == FOUND_AT


def test_rules_are_in_progress_since_the_job_began() -> None:
    world = World(LOSS, FINITE)
    world.losses(*FALLING)

    assert world.evaluate().outcome is Outcome.UNCHANGED
    assert world.evaluate().outcome is Outcome.UNCHANGED

    (event,) = world.bus.events
    jsonschema.validate(event["detail"], SCHEMA)
    assert told(event) == {"loss": "InProgress", "finite": "InProgress"}
    records = world.store.list_rule_evaluations(JOB)
    assert {record.rule_name: record.status for record in records} == {"loss": "InProgress", "finite": "InProgress"}
    assert {record.updated_at for record in records} == {world.trial.created_at}


def test_the_first_look_may_come_before_the_first_tensor() -> None:
    world = World()
    world.tensors[JOB].objects.clear()
    world.evaluate()
    assert told(world.bus.events[0]) == {"loss": "InProgress"}
    world.react()
    assert world.reactions == []
    world.losses(*STUCK)
    world.tensors[JOB].objects |= TensorFolder({"losses": ["loss"]}).objects
    world.evaluate()
    assert finding_of(found(world)[0])["step"] == FOUND_AT


def test_nothing_new_is_not_saved_again() -> None:
    world = World()
    world.losses(*FALLING)
    world.evaluate()
    version = world.store.load_evaluation(JOB).version
    assert world.evaluate().outcome is Outcome.UNCHANGED
    assert world.store.load_evaluation(JOB).version == version


def test_the_end_without_an_issue_is_told() -> None:
    world = World(LOSS, FINITE)
    world.losses(*FALLING)
    world.evaluate()
    assert world.evaluate(ended=True).outcome is Outcome.CHANGED
    assert statuses(world) == {"loss": "NoIssuesFound", "finite": "NoIssuesFound"}
    _, event = world.bus.events
    jsonschema.validate(event["detail"], SCHEMA)
    assert told(event) == {"loss": "NoIssuesFound", "finite": "NoIssuesFound"}
    assert event["detail"]["Findings"] == []


def test_each_rule_goes_on_by_itself_and_events_tell_all_of_them() -> None:
    world = World(LOSS, FINITE)
    world.losses(*STUCK, float("nan"))
    world.until = FOUND_AT
    world.evaluate()
    world.until = None
    world.evaluate()
    first, second = world.bus.events
    assert told(first) == {"loss": "IssuesFound", "finite": "InProgress"}
    assert told(second) == {"loss": "IssuesFound", "finite": "IssuesFound"}
    jsonschema.validate(second["detail"], SCHEMA)
    findings = {each["RuleConfigurationName"]: each["Finding"] for each in second["detail"]["Findings"]}
    assert findings["finite"]["observed"] == "nan"
    assert findings["finite"]["curve"]["values"][-1] == "nan"


def test_jobs_of_others_cost_one_read() -> None:
    world = World()

    def refuse(job: JobRecord) -> MemorySource:
        raise AssertionError(f"tensors of {job.job_name} are opened")

    evaluator = world.evaluator(open_tensors=refuse)
    assert evaluator.evaluate(EvaluationRequest("gridwatch-of-others-1")).outcome is Outcome.FOREIGN
    assert world.store.evaluations == {}


def test_a_job_without_rules_has_its_objective_followed() -> None:
    world = World()
    world.store.put_job(replace(world.store.jobs[JOB], policies=(), objective_metric="loss"))
    world.losses(*STUCK)
    assert world.evaluate().outcome is Outcome.UNCHANGED
    (current,) = world.store.list_current("blobs")
    assert (current.value, current.best, current.best_step, current.count) == (1.0, 1.0, 3, 7)
    assert (current.job_name, current.source, current.step) == (JOB, "hook", 6)
    assert world.bus.events == []
    assert world.evaluate(ended=True).outcome is Outcome.UNCHANGED
    assert world.evaluate(ended=True).outcome is Outcome.OVER


def test_a_rule_that_no_longer_exists_does_not_keep_the_others_from_looking() -> None:
    world = World(RulePolicy(name="gone", rule="NoSuchRule"), LOSS)
    world.losses(*STUCK)

    world.evaluate()

    assert statuses(world) == {"gone": "Error", "loss": "IssuesFound"}
    assert "NoSuchRule" in (world.store.rule_evaluations[(JOB, "gone")].details or "")
    assert world.evaluate(ended=True).outcome is Outcome.UNCHANGED
    assert world.evaluate().outcome is Outcome.OVER
    assert len(world.bus.events) == 1


def test_state_of_another_version_leads_to_the_same_verdict() -> None:
    world = World()
    world.losses(*STUCK)
    world.store.evaluations[JOB] = SavedEvaluation({"version": 99, "something": "else"}, 7)

    evaluated = world.evaluate()

    assert evaluated.restarted
    assert finding_of(world.bus.events[0])["step"] == FOUND_AT
    assert world.store.load_evaluation(JOB).version == 8


@pytest.mark.parametrize("mine", [2, 4, 6])
@pytest.mark.parametrize("other", [1, 4, 6])
def test_two_calls_at_once_neither_lose_nor_repeat_a_step(mine: int, other: int) -> None:
    """The other call runs wholly while mine reads its tensors."""
    world = World(LOSS, FINITE)
    world.losses(*STUCK)
    rivals = [other]

    def read_slowly(job: JobRecord) -> MemorySource:
        if rivals:
            world.until = rivals.pop()
            world.evaluate()
        return world.tensors[job.job_name].source(mine)

    world.evaluator(open_tensors=read_slowly).evaluate(EvaluationRequest(JOB))
    world.until = None
    world.evaluate()

    assert len({json.dumps(finding_of(event), sort_keys=True) for event in found(world)}) == 1
    assert finding_of(found(world)[0])["step"] == FOUND_AT
    assert statuses(world) == {"finite": "InProgress", "loss": "IssuesFound"}


def test_death_at_any_call_loses_no_finding() -> None:
    def prepare() -> World:
        world = World(LOSS, FINITE)
        world.losses(*STUCK)
        return world

    worlds = at_every_call(lambda world, fuse: world.evaluate(fuse=fuse), prepare)
    assert len(worlds) > 10
    for world in worlds:
        world.evaluate()

        assert world.bus.events
        assert {finding_of(event)["step"] for event in world.bus.events} == {FOUND_AT}
        assert statuses(world) == {"finite": "InProgress", "loss": "IssuesFound"}
        world.react()
        for event in world.bus.events:
            world.react(event)
        world.deliver_all()
        assert world.training.stopped == [JOB]
        assert len(world.topic.messages) == 1


def test_tensors_that_cannot_be_reached_change_nothing() -> None:
    class Unreachable(MemorySource):
        def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Any:
            raise TransientError("S3 is unwell")

    world = World()
    with pytest.raises(TransientError):
        world.evaluator(open_tensors=lambda job: Unreachable({})).evaluate(EvaluationRequest(JOB, ended=True))
    assert world.store.evaluations == {}
    assert world.bus.events == []


def test_a_long_curve_shows_its_last_values() -> None:
    world = World(replace(LOSS, parameters={"num_steps": 299, "diff_percent": 5.0}))
    world.losses(*[1.0] * 300)
    world.evaluate()
    curve = finding_of(world.bus.events[0])["curve"]
    assert curve["steps"] == list(range(268, 300))


def test_a_curve_that_is_saved_seldom_is_looked_for_further_back() -> None:
    world = World(replace(LOSS, parameters={"num_steps": 4000, "diff_percent": 5.0}))
    for step in range(0, 4001, 100):
        world.tensors[JOB].save(step, {"loss": [1.0]})
    world.evaluate()
    assert finding_of(world.bus.events[0])["curve"]["steps"] == list(range(900, 4001, 100))


def test_a_batch_is_one_evaluation_for_each_job() -> None:
    created = json.loads((ROOT / "tests/events/s3_index_created.json").read_text())
    job = "gridwatch-blobs-debugger-0a1b2c3d4e-1"
    bodies = [created, created, json.loads(to_body(EvaluateJob(job, ended=True))),
              json.loads(to_body(EvaluateJob("other"))),
              json.loads(to_body(SnapshotExperiment("x")))]  # fmt: skip
    bodies[1] = json.loads(json.dumps(created).replace("/index/", "/events/"))
    event = {"Records": [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]}
    event["Records"].append({"messageId": "bad", "body": "{"})
    event["Records"].append({"messageId": "odd", "body": '{"source": "aws.s3", "detail-type": "Object Created"}'})

    batch = read_batch(queued_bodies(event))

    assert {name: (request.message_ids, request.ended) for name, request in batch.jobs.items()} == {
        job: (["0", "2"], True),
        "other": (["3"], False),
    }
    assert batch.ignored == ("1", "4")
    assert set(batch.unreadable) == {"bad", "odd"}
    assert partial_response(["0"]) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_an_event_that_was_not_queued_is_taken_too() -> None:
    assert queued_bodies({"source": "aws.s3"}) == [QueuedBody("", '{"source": "aws.s3"}')]
    with pytest.raises(ValueError, match="no JSON object"):
        QueuedBody("1", "[]").parsed()


def test_statuses_of_events_are_debuggers() -> None:
    assert {event_status(status, "")[0].value for status in RuleStatus} == set(
        SCHEMA["properties"]["DebugRuleEvaluationStatuses"]["items"]["properties"]["RuleEvaluationStatus"]["enum"]
    )


def test_rules_that_debugger_evaluates_are_left_to_it() -> None:
    managed = replace(LOSS, name="managed", managed=True)
    world = World(LOSS, managed)
    world.losses(*[1.0] * 6)

    world.evaluate()

    assert {record.rule_name for record in world.store.list_rule_evaluations(JOB)} == {"loss"}
    statuses = [each for event in world.bus.events for each in event["detail"]["DebugRuleEvaluationStatuses"]]
    told = {each["RuleConfigurationName"] for each in statuses}
    assert told == {"loss"}
    alone = World(managed)
    alone.losses(*[1.0] * 6)
    assert alone.evaluate().outcome is Outcome.UNCHANGED
    assert alone.bus.events == []
    assert alone.bus.events == []


def arrived(*steps: int, **further: Any) -> EvaluationRequest:
    """What a batch of events asks for that tells of the index objects of these steps."""
    keys = tuple(f"index/000000000/{step:012d}_worker_0.json" for step in steps)
    return EvaluationRequest(JOB, profile=False, log=False, arrived=keys, **further)


def test_events_of_steps_that_are_judged_read_no_tensors() -> None:
    world = World()
    world.losses(*FALLING)
    world.evaluate()
    sources: list[MemorySource] = []

    def opened(job: JobRecord) -> MemorySource:
        sources.append(world.tensors[job.job_name].source())
        return sources[-1]

    evaluated = world.evaluator(open_tensors=opened).evaluate(arrived(1, 3))
    assert (evaluated.outcome, evaluated.last_step) == (Outcome.UNCHANGED, 3)
    assert [request for source in sources for request in source.requests] == []
    world.losses(*STUCK)
    assert world.evaluator(open_tensors=opened).evaluate(arrived(3, 6)).outcome is Outcome.CHANGED


def test_a_message_that_asks_for_all_is_never_stale() -> None:
    assert arrived(1).is_stale(1)
    assert not arrived(2).is_stale(1)
    assert not arrived(1, ended=True).is_stale(1)
    assert not EvaluationRequest(JOB).is_stale(1)
    assert not EvaluationRequest(JOB, profile=False, log=False, arrived=("index/odd.json",)).is_stale(1)


def queued(step: int, job: str, waited: float, number: int) -> QueuedBody:
    created = json.loads((ROOT / "tests/events/s3_flush_created.json").read_text())
    created["detail"]["object"]["key"] = f"{tensor_prefix(job)}events/flushes/000000000/{step:012d}_worker_0.tfevents"
    return QueuedBody(str(number), json.dumps(created), sent_at=START - timedelta(seconds=waited))


def test_messages_that_have_waited_are_looked_at_with_all_that_has_come_since() -> None:
    batch = read_batch([queued(1, "a", 0.5, 1), queued(2, "a", 0.1, 2), queued(1, "b", 30.0, 3)], START)
    fresh, late = batch.jobs["a"].of("a"), batch.jobs["b"].of("b")
    assert fresh.arrived == tuple(f"events/flushes/000000000/{step:012d}_worker_0.tfevents" for step in (1, 2))
    assert (fresh.late, late.late) == (False, True)
    assert read_batch([QueuedBody("1", to_body(EvaluateJob("a"))), queued(1, "a", 0, 2)]).jobs["a"].arrived is None


def test_a_backlog_of_one_job_is_one_reading_of_its_tensors() -> None:
    """3,000 messages in batches of ten, as they lie in the queue after a while without evaluations."""
    world = World()
    world.losses(*[8.0 / (step + 1) for step in range(300)])
    opened: list[MemorySource] = []

    def open_tensors(job: JobRecord) -> MemorySource:
        opened.append(world.tensors[job.job_name].source())
        return opened[-1]

    evaluator = world.evaluator(open_tensors=open_tensors)
    for first in range(0, 300, 10):
        evaluator.evaluate(arrived(*range(first, first + 10), late=True))
    assert sum(bool(source.requests) for source in opened) == 1


FEW = 250  # of these steps are judged at once, at most


def no_time() -> float:
    return 0.0


def falling(steps: int) -> list[float]:
    return [8.0 * 0.9**step for step in range(steps)]


def rests(world: World) -> list[EvaluationRequest]:
    """What calls have asked for since the last time, as the queue hands it over."""
    asked = [evaluation_request(json.loads(to_body(message))) for message in world.evaluate_queue.messages]
    world.evaluate_queue.messages.clear()
    return [each for each in asked if each is not None]


def test_a_call_without_time_leaves_the_rest_to_another_and_loses_nothing() -> None:
    world, at_once = World(LOSS), World(LOSS)
    for each in (world, at_once):
        each.losses(*falling(900), 1.0, 1.0, 1.0)
    at_once.evaluate()
    evaluator = world.evaluator()
    begun = evaluator.evaluate(arrived(899), no_time)
    assert begun.behind
    assert 0 < begun.last_step < FEW
    # Others are told of more meanwhile. They leave it to the call that was asked for.
    assert evaluator.evaluate(arrived(902), no_time).last_step == begun.last_step
    calls = 0
    while asked := rests(world):
        (request,) = asked
        assert (request.log, request.profile) == (False, False)
        evaluator.evaluate(request, no_time)
        calls += 1
    assert 900 / FEW < calls < 12
    assert [finding_of(each) for each in found(world)] == [finding_of(each) for each in found(at_once)]


def test_what_others_left_to_the_last_call_is_looked_at_once_more() -> None:
    world = World(LOSS)
    world.losses(*falling(200))
    evaluator = world.evaluator()
    assert evaluator.evaluate(EvaluationRequest(JOB), no_time).behind
    (rest,) = rests(world)

    def open_late(job: JobRecord) -> MemorySource:
        """What is listed is older than what another call is told of while this one works."""
        source = world.tensors[job.job_name].source()
        world.losses(*falling(200), 1.0, 1.0, 1.0)
        assert evaluator.evaluate(arrived(202), no_time).behind
        return source

    assert not world.evaluator(open_tensors=open_late).evaluate(rest, no_time).behind
    assert statuses(world)["loss"] == "InProgress"
    (again,) = rests(world)
    evaluator.evaluate(again, no_time)
    assert statuses(world)["loss"] == "IssuesFound"
    assert rests(world) == []


def test_a_call_that_was_asked_for_and_never_came_holds_nobody_up_for_long() -> None:
    world = World(LOSS)
    world.losses(*falling(200))
    begun = world.evaluator().evaluate(arrived(199), no_time)
    rests(world)  # and nobody hears of it
    assert world.evaluator().evaluate(arrived(199)).last_step == begun.last_step
    world.clock.advance(61)
    assert world.evaluator().evaluate(arrived(199)).last_step == 199


def test_the_end_of_a_job_waits_for_its_last_step_however_little_time_there_is() -> None:
    world = World(LOSS)
    world.losses(*falling(300))
    evaluator = world.evaluator()
    assert evaluator.evaluate(EvaluationRequest(JOB, ended=True), no_time).behind
    assert statuses(world)["loss"] == "InProgress"
    while asked := rests(world):
        evaluator.evaluate(asked[0], no_time)
    assert statuses(world)["loss"] == "NoIssuesFound"


def test_a_profile_is_looked_at_while_another_call_has_the_tensors() -> None:
    world = World(LOSS)
    world.losses(*falling(300))
    evaluator = world.evaluator()
    begun = evaluator.evaluate(arrived(299), no_time)
    (rest,) = rests(world)
    assert evaluator.evaluate(EvaluationRequest(JOB)).last_step == begun.last_step
    assert evaluator.evaluate(rest).last_step == 299


def test_a_planned_look_at_the_log_that_is_postponed_with_a_rest_is_still_one() -> None:
    world = World(LOSS)
    world.evaluator().postpone(EvaluationRequest(JOB, looks=("then",), rests=("now",)))
    (asked,) = rests(world)
    assert (asked.looks, asked.rests, asked.log, asked.profile) == (("then",), ("now",), True, True)
