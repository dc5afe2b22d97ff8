"""The rules of an experiment as they were asked for, and what each has said of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What a spec's rule asks for when it finds an issue; each includes the ones after it."""

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
    audit_share: float = 0.0  # of the trials: they are let run on although the rule would stop them
    audit_seed: int = 0
    managed: bool = False  # SageMaker's own Debugger evaluates it, not Gridwatch
    every: int = 1  # of the steps that a hook saves of metrics it looks at each so many-th


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvaluationRecord:
    """The status of one rule of one job. `finding` is the finding as a document when there is one."""

    job_name: str
    rule_name: str
    status: str  # gridwatch_rules.status.RuleStatus
    details: str | None
    finding: Mapping[str, Any] | None
    updated_at: datetime
    experiment: str | None = None  # that the job is of; None in records of former versions

    @property
    def needs_reaction(self) -> bool:
        """Whether somebody must decide what to do about it."""
        return self.status in ("IssuesFound", "Error", "SawNothing")
