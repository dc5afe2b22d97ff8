"""The rules of an experiment as its spec asks for them, and their statuses for a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gridwatch.domain.measured import Measured
from gridwatch_rules.rules.status_change import StatusChange


class Action(StrEnum):
    """What a spec asks to be done when a rule finds an issue; each action includes the ones after it."""

    STOP = "stop"
    ALERT = "alert"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePolicy:
    """One rule of an experiment: how it is configured and what to do when it finds an issue."""

    name: str  # unique within the experiment
    rule: str  # the class in the catalogue; of a custom rule, the class in its file
    parameters: Mapping[str, Any] = field(default_factory=dict)
    on_issue: Action = Action.ALERT
    source: str | None = None  # of a custom rule: the S3 address of its file
    protect: bool = False  # never stops a job, whatever it finds
    shadow: bool = False  # says what it would have stopped, and stops nothing
    audit_share: Measured = 0.0  # of the trials: they are let run on although the rule would stop them
    audit_seed: int = 0
    managed: bool = False  # SageMaker's own Debugger evaluates it, not Gridwatch
    every: int = 1  # of the steps that a hook saves of metrics it looks at each so many-th


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvaluationRecord:
    """The status of one rule of one job, as it is kept. `finding` is the finding as a document when there is one."""

    job_name: str
    rule_name: str
    status: str  # gridwatch_rules.status.RuleStatus
    details: str | None
    finding: Mapping[str, Any] | None
    updated_at: datetime
    experiment: str | None = None  # that the job is of; None in records of former versions

    @classmethod
    def of(cls, job_name: str, experiment: str, change: StatusChange, *, now: datetime) -> RuleEvaluationRecord:
        """The record of what a rule of that job of the experiment came to, `now` unless the change says when."""
        return cls(
            job_name=job_name,
            rule_name=change.rule_name,
            status=change.status,
            details=change.details or None,
            finding=change.finding.as_json() if change.finding else None,
            updated_at=change.at or now,
            experiment=experiment,
        )

    @property
    def needs_reaction(self) -> bool:
        """Whether a reaction to the status must be decided."""
        return self.status in ("IssuesFound", "Error", "SawNothing")
