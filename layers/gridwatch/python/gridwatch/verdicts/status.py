"""The status of a rule's evaluation, in SageMaker Debugger's own words."""

from __future__ import annotations

from enum import StrEnum


class RuleStatus(StrEnum):
    """`RuleEvaluationStatus` of the SageMaker API."""

    IN_PROGRESS = "InProgress"
    NO_ISSUES_FOUND = "NoIssuesFound"
    ISSUES_FOUND = "IssuesFound"
    ERROR = "Error"
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @property
    def is_final(self) -> bool:
        return self not in (RuleStatus.IN_PROGRESS, RuleStatus.STOPPING)


def is_final(status: str) -> bool:
    """Whether a recorded status is final. One that this version does not know is not."""
    return status in RuleStatus.__members__.values() and RuleStatus(status).is_final


def condition_met(rule: str, step: int) -> str:
    """The StatusDetails of a rule that fired, as Debugger words them."""
    sentence = f"Evaluation of the rule {rule} at step {step} resulted in the condition being met"
    return f"RuleEvaluationConditionMet: {sentence}"
