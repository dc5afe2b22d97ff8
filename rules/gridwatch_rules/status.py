"""Defines the statuses of a rule's evaluation: SageMaker Debugger's, and one of Gridwatch's own for a rule that had
nothing to judge by.
"""

from __future__ import annotations

import re
from enum import StrEnum


class RuleStatus(StrEnum):
    """The status of a rule: `RuleEvaluationStatus` of the SageMaker API, or `SawNothing`, which events carry as
    `Error`.
    """

    IN_PROGRESS = "InProgress"
    NO_ISSUES_FOUND = "NoIssuesFound"
    ISSUES_FOUND = "IssuesFound"
    ERROR = "Error"
    SAW_NOTHING = "SawNothing"  # the job is over, and the rule never had the data that it judges by
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @property
    def is_final(self) -> bool:
        return self not in (RuleStatus.IN_PROGRESS, RuleStatus.STOPPING)


def is_final(status: str) -> bool:
    """Whether a recorded status is final. A status that this version does not know is not final."""
    return status in RuleStatus.__members__.values() and RuleStatus(status).is_final


LONGEST_DETAILS = 1024  # longest StatusDetails of the SageMaker API
_SAW_NOTHING = f"{RuleStatus.SAW_NOTHING}: "
_STEP = re.compile(r"\bat step (\d+)\b")
# Of Debugger's own rules, where a job saved no tensors (aws/sagemaker-python-sdk#1907, tensorflow/tensorflow#51414).
_DEBUGGER_SAW_NOTHING = "No debugging data was saved by the training job"


def event_status(status: RuleStatus, details: str) -> tuple[RuleStatus, str]:
    """The status and details that an event carries, because the statuses of events are a closed list."""
    if status is RuleStatus.SAW_NOTHING:
        return RuleStatus.ERROR, f"{_SAW_NOTHING}{details}"[:LONGEST_DETAILS]
    return status, details


def status_of_event(status: RuleStatus, details: str) -> tuple[RuleStatus, str]:
    """The inverse of `event_status`. An `Error` in which Debugger says that the job saved nothing also becomes
    `SawNothing`.
    """
    if status is RuleStatus.ERROR and details.startswith(_SAW_NOTHING):
        return RuleStatus.SAW_NOTHING, details.removeprefix(_SAW_NOTHING)
    if status is RuleStatus.ERROR and _DEBUGGER_SAW_NOTHING in details:
        return RuleStatus.SAW_NOTHING, details
    return status, details


def condition_met(rule: str, step: int) -> str:
    """The StatusDetails of a rule that fired, in Debugger's words."""
    sentence = f"Evaluation of the rule {rule} at step {step} resulted in the condition being met"
    return f"RuleEvaluationConditionMet: {sentence}"


def step_in_details(details: str) -> int | None:
    """The step that `condition_met`, or Debugger, was given; None where the details name no step."""
    found = _STEP.search(details)
    return int(found[1]) if found else None
