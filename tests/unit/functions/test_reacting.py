"""Stories of reacting: what the rules say, what SageMaker is asked to stop, what people are told."""

from __future__ import annotations

import copy
import itertools
import random
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from gridwatch.alerts.rule_issue import rule_issue_id
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.events.rule_status import JobRuleStatuses, rule_statuses
from gridwatch.savings.prices import PriceTable
from gridwatch.state.unreadable import UnreadableRecordError
from gridwatch.verdicts.decision import Response
from gridwatch_rules.failures import NotFoundError, PermanentError, ThrottledError, TransientError
from react_to_finding.reacting import IN_OTHER_HANDS
from react_to_finding.stopping import RESERVE, STOPPED_BY
from tests.fakes.fuse import Fuse
from tests.fakes.mortal_store import KilledError
from tests.fakes.training import ARN, TRIAL_ARN
from tests.unit.functions.watching import FINITE, JOB, LOSS, World, at_every_call
from tests.unit.tables.facts_of import an_experiment

FINDING = {"rule": "LossNotDecreasing", "step": 24, "mode": "GLOBAL", "tensor": "loss", "observed": 0.0,
           "threshold": 5.0, "sentence": "loss did not change"}  # fmt: skip


def status(rule: str = "loss", value: str = "IssuesFound") -> dict[str, Any]:
    details = {"StatusDetails": f"the rule {rule} at step 24"} if value in ("IssuesFound", "Error") else {}
    return {"RuleConfigurationName": rule, "RuleEvaluationStatus": value, "LastModifiedTime": 1795169009000, **details}


def event(*statuses: dict[str, Any], job: str = JOB, finding: bool = True) -> dict[str, Any]:
    listed = list(statuses) or [status()]
    found = [
        {"RuleConfigurationName": each["RuleConfigurationName"], "Finding": FINDING}
        for each in listed
        if finding and each["RuleEvaluationStatus"] == "IssuesFound"
    ]
    detail = {"TrainingJobName": job, "DebugRuleEvaluationStatuses": listed, "Findings": found}
    return {"source": "gridwatch", "detail-type": "Gridwatch Rule Status Change", "detail": detail}


def found(*statuses: dict[str, Any]) -> JobRuleStatuses:
    """The same, as the reaction gets it."""
    parsed = rule_statuses(event(*statuses))
    assert parsed is not None
    return parsed


def managed(*statuses: dict[str, Any]) -> dict[str, Any]:
    """The same from SageMaker's own Debugger."""
    change = event(*statuses)
    return change | {"source": "aws.sagemaker", "detail-type": "SageMaker Training Job State Change"}


def test_the_stop_is_marked_on_sagemakers_trial_as_well() -> None:
    world = World()
    trial = "gridwatch-blobs-0a1b2c3d4e"
    world.training.ensure_experiment("gridwatch-blobs")
    world.training.ensure_trial("gridwatch-blobs", trial)
    world.react(event())
    assert world.training.tags[TRIAL_ARN + trial] == {STOPPED_BY: "loss@24"}


def test_an_issue_stops_the_job_marks_it_everywhere_and_is_told() -> None:
    world = World()

    (reaction,) = world.react(event())

    assert (reaction.response, reaction.outcome) == (Response.STOP, "stop requested")
    assert world.training.stopped == [JOB]
    assert world.training.tags[ARN + JOB] == {STOPPED_BY: "loss@24"}
    assert (world.trial.state, world.trial.reason) == (TrialState.STOPPING, "stopped by loss@24")
    (record,) = world.reactions
    assert (record.action, record.outcome, record.finding) == ("stop", "stop requested", FINDING)
    assert record.carried_out_at is not None
    assert record.alert_id == rule_issue_id(JOB, "loss")
    world.deliver_all()
    ((subject, body, attributes),) = world.topic.messages
    assert subject == "[Gridwatch] Stopped blobs/0a1b2c3d4e: loss"
    assert "loss did not change" in body
    assert attributes == {
        "prefix": "gridwatch", "kind": "rule_issue", "severity": "warning", "experiment": "blobs",
        "alert_id": rule_issue_id(JOB, "loss"),
        "format": "text",
    }  # fmt: skip


def test_the_same_event_again_changes_nothing_and_asks_sagemaker_nothing() -> None:
    world = World()
    world.react(event())
    world.deliver_all()
    before = copy.deepcopy(world.reactions)
    described = len(world.training.described)

    for _ in range(3):
        assert world.react(event()) == []

    assert world.reactions == before
    assert world.training.stopped == [JOB]
    assert len(world.training.described) == described
    assert world.alert_queue.messages == []


def test_two_invocations_at_once_stop_once_and_tell_once() -> None:
    """Two evaluations of the same steps put the same finding on the bus: the other is handled while this one stops."""
    world = World()
    stop = world.training.stop_job
    others: list[Any] = []

    def stop_slowly(job_name: str) -> bool:
        world.training.stop_job = stop  # type: ignore[method-assign]
        statuses = rule_statuses(event())
        assert statuses is not None
        others.extend(world.reactor().react(statuses))
        return stop(job_name)

    world.training.stop_job = stop_slowly  # type: ignore[method-assign]
    (reaction,) = world.react(event())

    assert [each.outcome for each in others] == [IN_OTHER_HANDS]
    assert reaction.outcome == "stop requested"
    assert world.reactions[0].outcome == "stop requested"
    assert len(world.alert_queue.messages) == 1


def test_all_rules_are_looked_at_and_one_of_them_stops() -> None:
    world = World(
        LOSS, replace(FINITE, on_issue=Action.STOP), RulePolicy(name="quiet", rule="x", on_issue=Action.RECORD)
    )

    reactions = world.react(
        event(status("other"), status("quiet"), status("finite"), status("loss"), status("in", "InProgress"))
    )

    assert [(each.rule_name, each.response) for each in reactions] == [
        ("other", "record"), ("quiet", "record"), ("finite", "stop"), ("loss", "alert"),
    ]  # fmt: skip
    assert world.training.stopped == [JOB]
    told = {record.rule_name: record.reason for record in world.reactions}
    assert told["loss"] == "the rule finite stops the training job already"
    world.deliver_all()
    assert len(world.topic.messages) == 2
    assert len(world.training.described) == 1


@pytest.mark.parametrize("over", ["Completed", "Failed", "Stopped", "Stopping"])
def test_a_job_that_is_over_is_not_stopped_but_people_are_told(over: str) -> None:
    world = World()
    world.training.finish(JOB, over)

    (reaction,) = world.react(event())

    assert (reaction.response, reaction.outcome) == (Response.ALERT, "not stopped")
    assert world.training.stopped == []
    assert world.training.tags[ARN + JOB] == {}
    assert len(world.alert_queue.messages) == 1
    assert world.trial.reason is None


def test_a_job_that_ends_between_the_look_and_the_stop_is_success() -> None:
    world = World()
    described = world.training.describe_job

    def describe_and_end(job_name: str) -> Any:
        answer = described(job_name)
        world.training.finish(JOB)
        return answer

    world.training.describe_job = describe_and_end  # type: ignore[method-assign]
    (reaction,) = world.react(event())

    assert reaction.outcome == "already over"
    world.deliver_all()
    assert "which Gridwatch did not stop" in world.topic.messages[0][1].replace("\n", " ")


def test_a_job_that_is_gone() -> None:
    world = World()
    del world.training.jobs[JOB]

    (reaction,) = world.react(event())

    assert reaction.response is Response.ALERT
    assert world.reactions[0].reason == "the training job is no longer there"
    world.deliver_all()
    assert len(world.topic.messages) == 1


def test_jobs_of_others_are_left_alone() -> None:
    world = World()
    world.training.put("gridwatch-of-somebody-else", {})

    assert world.react(event(job="gridwatch-of-somebody-else")) == []

    assert world.training.stopped == []
    assert world.alert_queue.messages == []


def test_milder_policies_do_what_they_say() -> None:
    for on_issue, messages in ((Action.ALERT, 1), (Action.RECORD, 0)):
        world = World(replace(LOSS, on_issue=on_issue))
        (reaction,) = world.react(event())
        assert reaction.response.value == on_issue.value
        assert len(world.alert_queue.messages) == messages
        assert world.training.stopped == []
        assert world.reactions[0].carried_out_at is not None


def test_a_rule_that_failed_is_told_and_stops_nothing() -> None:
    world = World()

    (reaction,) = world.react(event(status("loss", "Error")))

    assert reaction.response is Response.ALERT
    assert world.training.stopped == []
    world.deliver_all()
    assert world.topic.messages[0][0] == "[Gridwatch] Rule loss failed: it does not watch blobs/0a1b2c3d4e"
    assert world.topic.messages[0][2]["severity"] == "critical"


NOTHING = {
    "RuleConfigurationName": "loss",
    "RuleEvaluationStatus": "Error",
    "StatusDetails": "SawNothing: LossNotDecreasing looks for a loss; there was only validation-auc at 5 steps",
    "LastModifiedTime": 1795169009000,
}


def test_a_rule_that_saw_nothing_is_no_failure_and_is_told_once_for_all_jobs_of_an_upload() -> None:
    world = World()
    world.store.put_experiment(an_experiment(name="blobs", trial_ids=("0a1b2c3d4e",)))
    another = f"{JOB}0"
    world.add_job(another, "1a1b2c3d4e", LOSS)

    (reaction,) = world.react(event(NOTHING))
    (other,) = world.react(event(NOTHING, job=another))

    assert (reaction.response, other.response) == (Response.ALERT, Response.ALERT)
    assert world.training.stopped == []
    world.deliver_all()
    ((subject, body, attributes),) = world.topic.messages
    assert subject == "[Gridwatch] Rule loss saw nothing to judge by in blobs/0a1b2c3d4e"
    assert "there was only validation-auc at 5 steps" in body
    assert (attributes["kind"], attributes["severity"]) == ("rule_saw_nothing", "warning")


def test_the_next_upload_is_told_anew() -> None:
    world = World()
    record = an_experiment(name="blobs", trial_ids=("0a1b2c3d4e",))
    world.store.put_experiment(record)
    world.react(event(NOTHING))
    world.store.put_experiment(replace(record, spec_version="another"))
    world.add_job(f"{JOB}0", "1a1b2c3d4e", LOSS)
    world.react(event(NOTHING, job=f"{JOB}0"))
    world.deliver_all()
    assert len(world.topic.messages) == 2


def test_debuggers_rule_over_a_job_that_saved_nothing_is_recorded_as_such() -> None:
    world = World()
    details = (
        "ClientError: No debugging data was saved by the training job. Check that the debugger hook was configured"
    )
    world.react(managed(NOTHING | {"StatusDetails": details}))
    (record,) = world.store.list_rule_evaluations(JOB)
    assert (record.status, record.details) == ("SawNothing", details)
    world.deliver_all()
    assert [message[2]["kind"] for message in world.topic.messages] == ["rule_saw_nothing"]


def test_statuses_without_an_issue_ask_nobody_anything() -> None:
    world = World()
    assert world.react(event(status("loss", "InProgress"), status("finite", "NoIssuesFound"))) == []
    assert world.training.described == []


def test_the_managed_debuggers_statuses_are_recorded_and_reacted_to() -> None:
    world = World()

    world.react(managed(status("loss", "InProgress"), status("finite", "NoIssuesFound")))
    (reaction,) = world.react(managed(status("loss")))

    assert reaction.response is Response.STOP
    assert world.training.tags[ARN + JOB] == {STOPPED_BY: "loss@24"}
    kept = {record.rule_name: record.status for record in world.store.list_rule_evaluations(JOB)}
    assert kept == {"loss": "IssuesFound", "finite": "NoIssuesFound"}
    assert world.store.open_findings() == []


def test_a_throttled_stop_is_tried_again_within_the_invocation() -> None:
    world = World()
    world.training.stop_failures = [ThrottledError("slow down")] * 4

    (reaction,) = world.react(event())

    assert reaction.outcome == "stop requested"
    assert world.clock.slept == [1.5] * 4


@pytest.mark.parametrize("error", [ThrottledError("slow down"), TransientError("unwell")])
def test_a_stop_that_does_not_go_through_comes_again_and_is_not_lost(error: TransientError) -> None:
    world = World()
    world.training.stop_failures = [error] * 100
    with pytest.raises(type(error)):
        world.react(event())
    assert world.alert_queue.messages == []  # what came of it is not known yet
    assert world.reactions[0].carried_out_at is None
    world.training.stop_failures = []

    (reaction,) = world.react(event())

    assert reaction.outcome == "stop requested"
    assert world.training.stopped == [JOB]
    assert len(world.alert_queue.messages) == 1


def test_a_stop_that_is_refused_for_good_fails_loudly() -> None:
    world = World()
    world.training.stop_failures = [PermanentError("not allowed", code="AccessDeniedException")]
    with pytest.raises(PermanentError):
        world.react(event())
    assert world.reactions[0].carried_out_at is None


def test_a_job_that_vanishes_before_the_stop() -> None:
    world = World()
    world.training.stop_failures = [NotFoundError("no such job")]
    (reaction,) = world.react(event())
    assert reaction.outcome == "the training job is no longer there"


def test_tags_that_cannot_be_set_keep_nobody_from_being_told() -> None:
    world = World()

    def refuse(arn: str, tags: object) -> None:
        raise PermanentError("50 tags", code="ValidationException")

    world.training.tag_job = refuse  # type: ignore[method-assign]
    world.react(event())

    assert len(world.alert_queue.messages) == 1
    assert world.trial.reason == "stopped by loss@24"


def test_news_that_comes_first_keeps_its_state_and_gets_the_reason() -> None:
    world = World()
    stopped = replace(world.trial, state=TrialState.STOPPED, updated_at=world.clock.now())
    world.store.trials[("blobs", "0a1b2c3d4e")] = stopped

    world.react(event())

    assert (world.trial.state, world.trial.reason) == (TrialState.STOPPED, "stopped by loss@24")


def running(world: World) -> World:
    """The world, with a job that has begun, so that a stop of it saves something."""
    world.training.jobs[JOB] = replace(world.training.jobs[JOB], started_at=world.clock.now(), max_runtime_seconds=3600)
    return world


def test_the_outcome_is_recorded_before_the_saving_is_estimated() -> None:
    world = running(World())
    seen: list[tuple[str | None, object]] = []
    reactor = world.reactor()

    def prices() -> PriceTable:
        seen.extend((each.outcome, each.carried_out_at) for each in world.reactions)
        return PriceTable.built_in()

    (reaction,) = replace(reactor, prices=prices).react(found())

    assert seen == [("stop requested", None)]
    assert reaction.savings is not None
    assert world.reactions[0].savings == reaction.savings


@pytest.mark.parametrize("error", [MemoryError(), TypeError("None"), OverflowError(), ThrottledError("slow down")])
def test_an_estimate_that_fails_loses_neither_the_record_nor_the_alert(error: Exception) -> None:
    world = running(World())

    def prices() -> PriceTable:
        raise error

    (reaction,) = replace(world.reactor(), prices=prices).react(found())

    assert (reaction.outcome, reaction.savings, reaction.not_estimated) == ("stop requested", None, error)
    assert (world.reactions[0].outcome, world.reactions[0].savings) == ("stop requested", None)
    assert world.reactions[0].carried_out_at is not None
    assert len(world.alert_queue.messages) == 1


def test_an_estimate_that_hangs_is_given_up() -> None:
    world = running(World())
    forever = threading.Event()

    def prices() -> PriceTable:
        forever.wait()
        return PriceTable.built_in()

    (reaction,) = replace(world.reactor(), prices=prices, seconds_left=lambda: RESERVE + 0.01).react(found())
    forever.set()

    assert isinstance(reaction.not_estimated, TimeoutError)
    assert world.reactions[0].carried_out_at is not None
    assert len(world.alert_queue.messages) == 1


@pytest.mark.parametrize("policy", [LOSS, replace(LOSS, shadow=True)])
def test_an_estimate_that_kills_the_invocation_is_not_made_again(policy: RulePolicy) -> None:
    """The function runs out of memory or time in the estimate: the message comes again, and people are told."""
    world = running(World(policy))

    def prices() -> PriceTable:
        raise KilledError

    for _ in range(2):
        world.clock.advance(120)
        with suppress(KilledError):
            list(replace(world.reactor(), prices=prices).react(found()))

    assert world.training.stopped == ([] if policy.shadow else [JOB])
    assert world.reactions[0].outcome == ("not stopped" if policy.shadow else "stop requested")
    assert world.reactions[0].carried_out_at is not None
    assert len(world.alert_queue.messages) == 1


def test_a_reaction_that_cannot_be_read_harms_no_other_rule() -> None:
    world = World(replace(LOSS, on_issue=Action.ALERT), FINITE)
    store = world.store
    claim = store.claim_reaction

    def unreadable(record: ReactionRecord, *, until: datetime) -> ReactionRecord:
        if record.rule_name == "loss":
            raise UnreadableRecordError(f"{JOB}/reaction#loss", "it is damaged")
        return claim(record, until=until)

    store.claim_reaction = unreadable  # type: ignore[method-assign]
    with pytest.raises(UnreadableRecordError):
        world.react(event(status("loss"), status("finite")))

    assert world.training.stopped == [JOB]
    assert [each.rule_name for each in world.reactions] == ["finite"]
    assert len(world.alert_queue.messages) == 1


def test_a_later_attempts_trial_is_not_marked() -> None:
    world = World()
    world.store.trials[("blobs", "0a1b2c3d4e")] = replace(
        world.trial, job_name="gridwatch-blobs-0a1b2c3d4e-2", attempt=2
    )
    world.react(event())
    assert world.trial.state is TrialState.RUNNING


@pytest.mark.parametrize("aftermath", ["redelivered", "and the job has stopped meanwhile"])
def test_death_at_any_call_leaves_one_stop_and_one_alert(aftermath: str) -> None:
    def invoke(world: World, fuse: Fuse) -> None:
        world.react(event(), fuse)

    worlds = at_every_call(invoke, World)
    assert len(worlds) > 10
    for world in worlds:
        if aftermath != "redelivered" and world.training.stopped:
            world.training.finish(JOB, "Stopped")
        world.react(event())
        world.react(event())
        world.deliver_all()

        assert world.training.stopped == [JOB]
        assert world.training.tags[ARN + JOB] == {STOPPED_BY: "loss@24"}
        assert world.trial.reason == "stopped by loss@24"
        ((subject, _, attributes),) = world.topic.messages
        assert subject == "[Gridwatch] Stopped blobs/0a1b2c3d4e: loss"
        assert attributes["alert_id"] == rule_issue_id(JOB, "loss")
        (record,) = world.reactions
        assert (record.action, record.alert_id) == ("stop", rule_issue_id(JOB, "loss"))
        assert record.carried_out_at is not None
        assert world.store.open_findings() == []


def test_death_at_any_call_with_two_rules_leaves_one_stop_and_two_alerts() -> None:
    both = event(status("loss"), status("finite"))
    for world in at_every_call(lambda world, fuse: world.react(both, fuse), lambda: World(LOSS, FINITE)):
        world.react(event(status("finite")))
        world.react(both)
        world.deliver_all()
        assert world.training.stopped == [JOB]
        assert sorted(attributes["alert_id"] for _, _, attributes in world.topic.messages) == sorted(
            [rule_issue_id(JOB, "loss"), rule_issue_id(JOB, "finite")]
        )
        assert sorted(record.action for record in world.reactions) == ["alert", "stop"]


@pytest.mark.parametrize("seed", range(20))
def test_events_one_to_five_times_in_any_order_with_deaths(seed: int) -> None:
    chance = random.Random(seed)
    world = World(LOSS, FINITE)
    events = [event(status("loss", "InProgress")), event(status("loss")), event(status("finite")),
              event(status("loss"), status("finite")), managed(status("loss"))]  # fmt: skip
    queue = list(itertools.chain.from_iterable([each] * chance.randint(1, 5) for each in events))
    chance.shuffle(queue)
    while queue:
        each = queue.pop()
        try:
            world.react(each, Fuse(chance.randint(0, 25), after=chance.random() < 0.5))
        except BaseException:  # noqa: BLE001 - whatever it died of, the message comes again
            queue.insert(chance.randint(0, len(queue)), each)
    world.deliver_all()

    assert world.training.stopped == [JOB]
    told = [attributes["alert_id"] for _, _, attributes in world.topic.messages]
    assert sorted(told) == sorted([rule_issue_id(JOB, "loss"), rule_issue_id(JOB, "finite")])
