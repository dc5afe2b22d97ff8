"""The table of decisions, every line of it."""

from __future__ import annotations

import itertools

import pytest

from gridwatch.domain.rules import Action
from gridwatch.verdicts.decision import Response, Restraint, decide
from gridwatch_rules.status import RuleStatus

JOB_STATUSES = ["InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting", "SomethingNew", None]
POLICIES = [*Action, None]
ISSUE, ERROR, SAW_NOTHING = RuleStatus.ISSUES_FOUND, RuleStatus.ERROR, RuleStatus.SAW_NOTHING


@pytest.mark.parametrize("status", [status for status in RuleStatus if status not in (ISSUE, ERROR, SAW_NOTHING)])
@pytest.mark.parametrize("on_issue", POLICIES)
@pytest.mark.parametrize("job", JOB_STATUSES)
def test_without_an_issue_nothing_is_done(job: str | None, on_issue: Action | None, status: RuleStatus) -> None:
    assert decide(job, status, on_issue).response is Response.IGNORE


@pytest.mark.parametrize(
    ("job", "response", "reason"),
    [
        ("InProgress", "stop", "the spec asks to stop on an issue of this rule"),
        ("Completed", "alert", "the training job had completed already"),
        ("Failed", "alert", "the training job had failed already"),
        ("Stopping", "alert", "the training job is being stopped already"),
        ("Stopped", "alert", "the training job was stopped already"),
        ("Deleting", "alert", "the training job is being deleted"),
        ("SomethingNew", "alert", "the training job is in status SomethingNew"),
        (None, "alert", "the training job is no longer there"),
    ],
)
def test_an_issue_under_stop(job: str | None, response: str, reason: str) -> None:
    decision = decide(job, ISSUE, Action.STOP)
    assert (decision.response, decision.reason) == (response, reason)


@pytest.mark.parametrize("job", JOB_STATUSES)
def test_an_issue_under_milder_policies(job: str | None) -> None:
    assert decide(job, ISSUE, Action.ALERT).response is Response.ALERT
    assert decide(job, ISSUE, Action.RECORD).response is Response.RECORD
    assert decide(job, ISSUE, None).response is Response.RECORD


@pytest.mark.parametrize("job", JOB_STATUSES)
def test_a_rule_that_failed_is_told_as_such_and_stops_nothing(job: str | None) -> None:
    for action, response in ((Action.STOP, "alert"), (Action.ALERT, "alert"), (Action.RECORD, "record")):
        decision = decide(job, ERROR, action)
        assert decision.response == response
        assert decision.reason.startswith("the rule failed")
    assert decide(job, ERROR, None).response is Response.RECORD


@pytest.mark.parametrize("job", JOB_STATUSES)
def test_a_rule_that_saw_nothing_is_told_as_such_and_stops_nothing(job: str | None) -> None:
    for action, response in ((Action.STOP, "alert"), (Action.ALERT, "alert"), (Action.RECORD, "record")):
        decision = decide(job, SAW_NOTHING, action)
        assert decision.response == response
        assert "saw nothing that it could judge by" in decision.reason
    assert decide(job, SAW_NOTHING, None).response is Response.RECORD


def test_only_one_case_of_all_stops() -> None:
    cases = itertools.product(JOB_STATUSES, RuleStatus, POLICIES)
    assert [case for case in cases if decide(*case).response is Response.STOP] == [("InProgress", ISSUE, Action.STOP)]


def test_every_decision_has_a_reason() -> None:
    assert all(decide(*case).reason for case in itertools.product(JOB_STATUSES, RuleStatus, POLICIES))


RESTRAINTS = {
    "withdrawn": (Restraint(withdrawn=True), Response.ALERT, "the tag gridwatch:watch"),
    "job": (Restraint(job_protected=True), Response.ALERT, "gridwatch:protect"),
    "rule": (Restraint(rule_protected=True), Response.ALERT, "protect: true"),
    "shadow": (Restraint(shadow=True), Response.WOULD_STOP, "shadow mode"),
    "paused": (Restraint(paused="by ana: audit"), Response.ALERT, "stopping is paused, by ana: audit"),
}


@pytest.mark.parametrize("name", RESTRAINTS)
def test_what_keeps_a_stop_from_being_made(name: str) -> None:
    restraint, response, reason = RESTRAINTS[name]
    decision = decide("InProgress", ISSUE, Action.STOP, restraint)
    assert decision.response is response
    assert reason in decision.reason


@pytest.mark.parametrize("name", RESTRAINTS)
def test_restraints_change_nothing_else(name: str) -> None:
    for case in itertools.product(JOB_STATUSES, RuleStatus, POLICIES):
        if case != ("InProgress", ISSUE, Action.STOP):
            assert decide(*case, RESTRAINTS[name][0]) == decide(*case)


def test_nothing_stops_under_any_restraint() -> None:
    flags = itertools.product((False, True), repeat=4)
    for withdrawn, job, rule, shadow in flags:
        for paused in (None, "by ana: audit"):
            restraint = Restraint(
                withdrawn=withdrawn, job_protected=job, rule_protected=rule, shadow=shadow, paused=paused
            )
            stops = decide("InProgress", ISSUE, Action.STOP, restraint).response is Response.STOP
            assert stops is (restraint == Restraint())
