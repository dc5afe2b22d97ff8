"""Decides what to do about a rule's status, by a table: every case of training status, rule status and policy has its
line.

Some things are never done. A job that is over or ending is not stopped. A rule that failed, or that saw nothing to
judge by, stops nothing, because it says nothing about the training. A rule in shadow mode says what it would have
stopped. A job that its owners protect is not stopped. Of several reasons not to stop, people are told the one nearest
to the job: how it stands, what its owners say of it, what its rule may do, what holds for all jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gridwatch.domain.rules import Action
from gridwatch_rules.status import RuleStatus


class Response(StrEnum):
    """What is done; each includes the ones after it."""

    STOP = "stop"
    WOULD_STOP = "would stop"
    ALERT = "alert"
    RECORD = "record"
    IGNORE = "ignore"

    @property
    def tells_people(self) -> bool:
        return self in (Response.STOP, Response.WOULD_STOP, Response.ALERT)


@dataclass(frozen=True, slots=True)
class Decision:
    """A response with its `reason`, which completes the sentence "…, because …" for people."""

    response: Response
    reason: str


# Stands for the status of a watched job that Gridwatch may no longer see.
WITHDRAWN = "Withdrawn"

# What the training status says about stopping. None: SageMaker knows no such job any more.
_CANNOT_BE_STOPPED = {
    "Completed": "the training job had completed already",
    "Failed": "the training job had failed already",
    "Stopping": "the training job is being stopped already",
    "Stopped": "the training job was stopped already",
    "Deleting": "the training job is being deleted",
    None: "the training job is no longer there",
    "Withdrawn": "the job's owner has taken the tag gridwatch:watch away",
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
_ON_NOTHING_SEEN = {
    Action.STOP: Decision(Response.ALERT, "the rule, which was to stop the job, saw nothing that it could judge by"),
    Action.ALERT: Decision(Response.ALERT, "the rule saw nothing that it could judge by"),
    Action.RECORD: Decision(Response.RECORD, "the rule saw nothing that it could judge by"),
}
_NOT_IN_SPEC = Decision(Response.RECORD, "the spec does not know this rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restraint:
    """The reasons that may keep a stop from being made. `job_protected`: the job has the tag gridwatch:protect;
    `withdrawn`: a watched job no longer has the tag gridwatch:watch; `audited`: the trial is let run on to see what
    stops cost; `paused`: by whom and why all stopping is paused.
    """

    withdrawn: bool = False
    job_protected: bool = False
    rule_protected: bool = False
    shadow: bool = False
    audited: bool = False
    paused: str | None = None


FREE = Restraint()
_SHADOW = Decision(Response.WOULD_STOP, "the rule is in shadow mode, and would have stopped the training job")

_AUDITED = Decision(Response.WOULD_STOP, "the trial is one of the audited ones, which are let run on to their end")


def decide(
    training_status: str | None,
    rule_status: RuleStatus,
    on_issue: Action | None,
    restraint: Restraint = FREE,
) -> Decision:
    """What to do about a rule's status. `training_status` is SageMaker's, None when the job is gone; `on_issue` is the
    spec's policy, if it has one.
    """
    if rule_status in _NOTHING_FOUND:
        return Decision(Response.IGNORE, _NOTHING_FOUND[rule_status])
    if on_issue is None:
        return _NOT_IN_SPEC
    if rule_status is RuleStatus.ERROR:
        return _ON_ERROR[on_issue]
    if rule_status is RuleStatus.SAW_NOTHING:
        return _ON_NOTHING_SEEN[on_issue]
    if on_issue is Action.STOP and training_status != "InProgress":
        # A status that SageMaker invents one day is not known to be stoppable: people are told, nothing is done.
        reason = _CANNOT_BE_STOPPED.get(training_status, f"the training job is in status {training_status}")
        return Decision(Response.ALERT, reason)
    if on_issue is Action.STOP:
        return _restrained(restraint) or _ON_ISSUE[on_issue]
    return _ON_ISSUE[on_issue]


def _restrained(restraint: Restraint) -> Decision | None:
    """What is done instead of the stop; None when nothing keeps it from being made."""
    if restraint.withdrawn:
        return Decision(Response.ALERT, _CANNOT_BE_STOPPED[WITHDRAWN])
    if restraint.job_protected:
        return Decision(Response.ALERT, "the training job is protected by the tag gridwatch:protect")
    if restraint.rule_protected:
        return Decision(Response.ALERT, "the spec protects jobs from this rule (protect: true)")
    if restraint.shadow:
        return _SHADOW
    if restraint.audited:
        return _AUDITED
    if restraint.paused is not None:
        return Decision(Response.ALERT, paused_reason(restraint.paused))
    return None


_PAUSED = "stopping is paused"
NOT_STOPPED = "not stopped"  # the outcome of a finding after which nobody tried to stop the job
NOT_STOPPED_PAUSED = "not stopped: stopping was paused meanwhile"  # the outcome of a stop that a pause overtook


def paused_reason(paused: str) -> str:
    return f"{_PAUSED}, {paused}"


def kept_by_pause(reason: str, outcome: str | None) -> bool:
    """Whether a pause alone kept a reaction from stopping its job."""
    return reason.startswith(_PAUSED) or outcome == NOT_STOPPED_PAUSED
