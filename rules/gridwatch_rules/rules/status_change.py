"""The status of a rule, and the one event of its change, from the evaluation to the alert about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.status import RuleStatus, step_in_details


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A rule of a job came to a status. `details` is Debugger's StatusDetails; `finding` is what the rule found.

    `at` is None until somebody writes the change down; `debugger_step` is the step at which a rule of SageMaker's own
    Debugger fired, which brings no finding.
    """

    rule_name: str
    status: RuleStatus
    details: str = ""
    finding: Finding | None = None
    at: datetime | None = None
    debugger_step: int | None = None

    @classmethod
    def in_words(
        cls, rule_name: str, status: RuleStatus, details: str = "", *, at: datetime | None = None
    ) -> StatusChange:
        """The change as Debugger tells it, which says the step in its details only."""
        return cls(rule_name, status, details, at=at, debugger_step=step_in_details(details))

    @property
    def step(self) -> int | None:
        """The step at which the rule fired."""
        return self.finding.step if self.finding is not None else self.debugger_step


@dataclass(frozen=True, slots=True)
class RuleEvaluation:
    """The status of a rule. `details` is Debugger's StatusDetails."""

    status: RuleStatus
    details: str = ""
    finding: Finding | None = None

    def reached_by(self, rule_name: str) -> StatusChange:
        """The event of that rule's coming to stand here."""
        return StatusChange(rule_name, self.status, self.details, self.finding)
