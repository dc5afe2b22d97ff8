"""What one rule says of a job, whoever evaluates it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch_rules.status import RuleStatus

_STEP = re.compile(r"\bat step (\d+)\b")


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What one rule says of a job. `finding` as in gridwatch_rules.rules.finding, with the rule's `curve` if known."""

    rule_name: str
    status: RuleStatus
    details: str = ""
    finding: Mapping[str, Any] | None = None
    at: datetime | None = None  # when the rule came to it

    @property
    def step(self) -> int | None:
        """The step at which the rule fired; Debugger tells it only in its details."""
        if self.finding is not None and self.finding.get("step") is not None:
            return int(self.finding["step"])
        found = _STEP.search(self.details)
        return int(found[1]) if found else None
