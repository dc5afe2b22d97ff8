"""The alert about a repair."""

from __future__ import annotations

from datetime import datetime

from gridwatch.alerts.content import Alert, Fact, Severity, record, trial_facts
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.trials import TrialRecord


def repair_decided(*, parent: TrialRecord, child: TrialRecord | None, rule: str, now: datetime) -> AlertRecord:
    """The alert that a rule stopped a trial whose spec allows repairs: the trial is trained again, or why it is not."""
    if child is None:
        title = f"Trial {parent.trial_id} is not repaired"
        summary = f"The rule {rule} stopped {parent.job_name}, which is {parent.repair}."
        action = "nothing is trained in its place"
        facts: tuple[Fact, ...] = ()
    else:
        title = f"Trial {parent.trial_id} is repaired: {child.change}"
        summary = (
            f"The rule {rule} stopped {parent.job_name}. It is trained once more as {child.job_name}: {child.change}."
        )
        action = "a repair is not repaired again"
        facts = (Fact("Repaired by", child.trial_id), Fact("Change", child.change or ""))
    alert = Alert(
        kind="trial_repaired",
        severity=Severity.INFO if child else Severity.WARNING,
        title=title,
        summary=summary,
        facts=(*trial_facts(parent), *facts),
        action=action,
        commands=(f"gridwatch status {parent.experiment}",),
    )
    return record(alert, about=(parent.job_name,), experiment=parent.experiment, now=now, trial_id=parent.trial_id)
