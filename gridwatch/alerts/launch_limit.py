"""The alert that an experiment has reached a limit and launches nothing more."""

from __future__ import annotations

from datetime import datetime

from gridwatch.alerts.content import TRIAL_FAILED, Alert, Fact, Severity, alert_id, record, sentence
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import LaunchHold

KIND = "limit_reached"
_BY_FAILURES = (
    "launching is held; `gridwatch retry` tries again, and so does the next upload of the spec, changed or not"
)


def limit_reached(hold: LaunchHold, *, now: datetime) -> AlertRecord:
    """The alert about a limit: one for each upload of the spec and limit."""
    limit = hold.limit or ""
    by_failures = limit == "max_failures"
    alert = Alert(
        kind=KIND,
        severity=Severity.CRITICAL if by_failures else Severity.WARNING,
        title=f"{hold.experiment}: {hold.reason if by_failures else 'no more trials are launched'}",
        summary=f"{sentence(hold.reason or '')} What runs goes on; what waits keeps waiting until a person decides.",
        facts=(Fact("Experiment", hold.experiment), Fact("Limit", f"limits.{limit}"), Fact("Spec", hold.spec_version)),
        details=hold.failed_jobs if by_failures else (),
        action=_BY_FAILURES
        if by_failures
        else "launching is held; upload the spec again, changed or not, and it goes on",
        commands=(f"gridwatch status {hold.experiment}", *_commands(hold)),
    )
    return record(alert, about=about(hold), experiment=hold.experiment, now=now)


def about(hold: LaunchHold) -> tuple[str, str, str]:
    """The values that identify the alert; its id is derived from them."""
    return hold.experiment, hold.spec_version, hold.limit or ""


def told_of_failure(hold: LaunchHold, failure: AlertRecord) -> str | None:
    """The id of the alert about this hold, if the failed job of `failure` is among those that led to it."""
    if hold.limit != "max_failures" or failure.kind != TRIAL_FAILED:
        return None
    counted = {alert_id(TRIAL_FAILED, job) for job in hold.failed_jobs}
    return alert_id(KIND, *about(hold)) if failure.alert_id in counted else None


def _commands(hold: LaunchHold) -> tuple[str, ...]:
    if hold.limit != "max_failures" or not hold.failed_jobs:
        return ()
    return f"gridwatch logs {hold.failed_jobs[-1]}", f"gridwatch retry {hold.experiment} --failed"
