"""The table of decisions, every line of it."""

from __future__ import annotations

import itertools

import pytest

from gridwatch.state.records import Action
from gridwatch.verdicts.decision import Response, decide
from gridwatch.verdicts.status import RuleStatus

JOB_STATUSES = ["InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting", "SomethingNew", None]
POLICIES = [*Action, None]
ISSUE, ERROR = RuleStatus.ISSUES_FOUND, RuleStatus.ERROR


@pytest.mark.parametrize("status", [status for status in RuleStatus if status not in (ISSUE, ERROR)])
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


def test_only_one_case_of_all_stops() -> None:
    cases = itertools.product(JOB_STATUSES, RuleStatus, POLICIES)
    assert [case for case in cases if decide(*case).response is Response.STOP] == [("InProgress", ISSUE, Action.STOP)]


def test_every_decision_has_a_reason() -> None:
    assert all(decide(*case).reason for case in itertools.product(JOB_STATUSES, RuleStatus, POLICIES))
