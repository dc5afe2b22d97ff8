"""The statuses of a job's rules as events: our own `Gridwatch Rule Status Change`, and SageMaker's state change event.

Both carry Debugger's fields (API: DebugRuleEvaluationStatus), so one parser reads them. docs/events.md describes ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.events import training_job
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus, event_status

SOURCE = "gridwatch"
DETAIL_TYPE = "Gridwatch Rule Status Change"
VERSION = "1"


class EventBus(Protocol):
    """The bus on which Gridwatch's own events are published."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Publish an event. Raises TransientError or PermanentError when the bus did not take it."""
        ...

    def publish_all(self, detail_type: str, details: Sequence[Mapping[str, Any]]) -> None:
        """Publish events, ten in a request, and raise as `publish` does after all of them were tried."""
        ...


@dataclass(frozen=True, slots=True)
class JobRuleStatuses:
    """The statuses of all rules that an event names."""

    job_name: str
    changes: tuple[StatusChange, ...]
    managed: bool = False  # said by SageMaker's own Debugger, so that nobody has recorded it yet


def rule_statuses(event: Mapping[str, Any]) -> JobRuleStatuses | None:
    """The rule statuses in an event; None for another event or a state change without rules. Unknown statuses are left
    out.

    Raises ValueError when the event is ours or SageMaker's but not of the documented shape.
    """
    kinds = ((SOURCE, DETAIL_TYPE), ("aws.sagemaker", training_job.DETAIL_TYPE))
    if (event.get("source"), event.get("detail-type")) not in kinds:
        return None
    try:
        detail = event["detail"]
        findings = {
            found["RuleConfigurationName"]: _readable(found["Finding"]) for found in detail.get("Findings") or ()
        }
        changes = tuple(
            replace(change, finding=findings.get(change.rule_name)) for change in training_job.rule_statuses(detail)
        )
        return JobRuleStatuses(training_job.known_name(detail), changes, event["source"] != SOURCE) if changes else None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{event['detail-type']} of an unknown shape: {error!r}") from error


def _readable(document: Any) -> Finding | None:
    """None for a finding that is damaged or of a newer version: what is done about a rule does not depend on it, and
    the details of its status say the step.
    """
    try:
        return Finding.from_json(document)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def status_change_detail(
    job_name: str, job_arn: str | None, experiment: str, trial_id: str, records: Sequence[RuleEvaluationRecord]
) -> dict[str, Any]:
    """The detail of our event: the statuses of all of the job's rules, and what they found."""
    return {
        "Version": VERSION,
        "TrainingJobName": job_name,
        **({"TrainingJobArn": job_arn} if job_arn else {}),
        "Experiment": experiment,
        "Trial": trial_id,
        "DebugRuleEvaluationStatuses": [_status(record) for record in records],
        "Findings": [
            {"RuleConfigurationName": record.rule_name, "Finding": dict(record.finding)}
            for record in records
            if record.finding is not None
        ],
    }


def _status(record: RuleEvaluationRecord) -> dict[str, Any]:
    status, details = event_status(RuleStatus(record.status), record.details or "")
    return {
        "RuleConfigurationName": record.rule_name,
        "RuleEvaluationStatus": status.value,
        **({"StatusDetails": details} if details else {}),
        "LastModifiedTime": _milliseconds(record.updated_at),
    }


def _milliseconds(moment: datetime) -> int:
    """The time in milliseconds, as in SageMaker's events."""
    return round(moment.timestamp() * 1000)
