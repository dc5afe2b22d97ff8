"""What to do about a rule's status, as a table: every case of training status, rule status and policy has its line.

Two things are never done: a job that is over or on its way out is not stopped, and a rule that failed stops nothing,
because it says nothing about the training.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gridwatch.state.records import Action
from gridwatch.verdicts.status import RuleStatus


class Response(StrEnum):
    """What is done; each includes the ones after it."""

    STOP = "stop"
    ALERT = "alert"
    RECORD = "record"
    IGNORE = "ignore"

    @property
    def tells_people(self) -> bool:
        return self in (Response.STOP, Response.ALERT)


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` completes the sentence "…, because …" for people."""

    response: Response
    reason: str


# What the training status says about stopping. None: SageMaker knows no such job any more.
_CANNOT_BE_STOPPED = {
    "Completed": "the training job had completed already",
    "Failed": "the training job had failed already",
    "Stopping": "the training job is being stopped already",
    "Stopped": "the training job was stopped already",
    "Deleting": "the training job is being deleted",
    None: "the training job is no longer there",
}
_NOTHING_FOUND = {
    RuleStatus.IN_PROGRESS: "the rule is still looking",
    RuleStatus.STOPPING: "the rule's evaluation is being stopped",
    RuleStatus.STOPPED: "the rule's evaluation was stopped",
    RuleStatus.NO_ISSUES_FOUND: "the rule found nothing",
}
_ON_ISSUE = {
    Action.STOP: Decision(Response.STOP, "the spec asks to stop on an issue of this rule"),
    Action.ALERT: Decision(Response.ALERT, "the spec asks for an alert on an issue of this rule"),
    Action.RECORD: Decision(Response.RECORD, "the spec asks to record an issue of this rule"),
}
_ON_ERROR = {
    Action.STOP: Decision(Response.ALERT, "the rule failed and does not watch the job, which it was to stop"),
    Action.ALERT: Decision(Response.ALERT, "the rule failed and does not watch the job"),
    Action.RECORD: Decision(Response.RECORD, "the rule failed and does not watch the job"),
}
_NOT_IN_SPEC = Decision(Response.RECORD, "the spec does not know this rule")


def decide(training_status: str | None, rule_status: RuleStatus, on_issue: Action | None) -> Decision:
    """`training_status` is SageMaker's, None when the job is gone; `on_issue` the spec's policy, if it has one."""
    if rule_status in _NOTHING_FOUND:
        return Decision(Response.IGNORE, _NOTHING_FOUND[rule_status])
    if on_issue is None:
        return _NOT_IN_SPEC
    if rule_status is RuleStatus.ERROR:
        return _ON_ERROR[on_issue]
    if on_issue is Action.STOP and training_status != "InProgress":
        # A status that SageMaker invents one day is not known to be stoppable: people are told, nothing is done.
        reason = _CANNOT_BE_STOPPED.get(training_status, f"the training job is in status {training_status}")
        return Decision(Response.ALERT, reason)
    return _ON_ISSUE[on_issue]
