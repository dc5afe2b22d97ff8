"""The alert that nothing more of an experiment is launched."""

from __future__ import annotations

from datetime import datetime

from gridwatch.alerts.content import Alert, Fact, Severity, record
from gridwatch.state.records import AlertRecord, LaunchHold


def limit_reached(hold: LaunchHold, *, now: datetime) -> AlertRecord:
    """One for each upload of the spec and limit."""
    limit = hold.limit or ""
    alert = Alert(
        kind="limit_reached",
        severity=Severity.CRITICAL if hold.failed_jobs and limit == "max_failures" else Severity.WARNING,
        title=f"{hold.experiment}: no more trials are launched",
        summary=f"{hold.reason}. What runs goes on; what waits keeps waiting until a person decides.",
        facts=(Fact("Experiment", hold.experiment), Fact("Limit", f"limits.{limit}"), Fact("Spec", hold.spec_version)),
        details=hold.failed_jobs if limit == "max_failures" else (),
        action="launching is held; upload the spec again, changed or not, and it goes on",
        commands=(f"gridwatch status {hold.experiment}",),
    )
    return record(alert, about=(hold.experiment, hold.spec_version, limit), experiment=hold.experiment, now=now)
