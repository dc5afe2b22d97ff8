"""The alerts about tuning jobs: one that SageMaker refuses, and one that failed."""

from __future__ import annotations

from datetime import datetime

from gridwatch.alerts.content import Alert, Fact, Severity, record
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import TuningRecord

REFUSED, FAILED = "tuning_refused", "tuning_failed"


def tuning_refused(tuning: TuningRecord, *, code: str, reason: str, now: datetime) -> AlertRecord:
    """The alert that SageMaker refuses a tuning job. Nothing of the experiment is trained until its spec is uploaded
    again.
    """
    summary = f"SageMaker refuses the tuning job {tuning.name} of {tuning.experiment} for good; nothing is trained."
    title = f"{tuning.experiment} is not tuned: {code}"
    return _recorded(_alert(REFUSED, tuning, title, summary, reason), tuning, now)


def tuning_failed(tuning: TuningRecord, *, now: datetime) -> AlertRecord:
    summary = f"The tuning job {tuning.name} of {tuning.experiment} failed and launches no more training jobs."
    title = f"The tuning job of {tuning.experiment} failed"
    reason = tuning.reason or "SageMaker gives no reason"
    return _recorded(_alert(FAILED, tuning, title, summary, reason), tuning, now)


def _alert(kind: str, tuning: TuningRecord, title: str, summary: str, reason: str) -> Alert:
    return Alert(
        kind=kind,
        severity=Severity.CRITICAL,
        title=title,
        summary=summary,
        facts=(Fact("Experiment", tuning.experiment), Fact("Tuning job", tuning.name), Fact("Reason", reason)),
        commands=(f"gridwatch status {tuning.experiment}",),
    )


def _recorded(alert: Alert, tuning: TuningRecord, now: datetime) -> AlertRecord:
    return record(alert, about=(tuning.experiment, tuning.name), experiment=tuning.experiment, now=now)
