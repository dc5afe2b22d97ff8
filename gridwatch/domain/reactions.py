"""What was done about an issue that a rule found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch.domain.savings import SavingsRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionRecord:
    """What was done about one rule's issue in one job: at most one record for each job and rule."""

    job_name: str
    rule_name: str
    experiment: str
    trial_id: str
    action: str  # what was decided: stop, would stop, alert, record
    reason: str
    outcome: str | None  # what came of it: "stop requested", "already over", …; None until carried out
    alert_id: str | None
    finding: Mapping[str, Any] | None
    decided_at: datetime
    carried_out_at: datetime | None = None
    savings: SavingsRecord | None = None  # of a stop; under shadow or audit, of the stop that was not made
    audited: bool = False  # the trial is let run on to see what the stop would have cost
