"""The alert about a rule that ended without having seen anything that it could judge by."""

from __future__ import annotations

from datetime import datetime

from gridwatch.alerts.content import Alert, Fact, Severity, alert_id, record
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rule_report import RuleReport

KIND = "rule_saw_nothing"


def rule_saw_nothing_id(experiment: str, upload: str, rule_name: str) -> str:
    return alert_id(KIND, experiment, upload, rule_name)


def rule_saw_nothing(*, job: JobRecord, upload: str, report: RuleReport, now: datetime) -> AlertRecord:
    """The alert that a rule saw nothing to judge by: one for each upload and rule, about the first job. The other jobs
    mostly lack the same, and the digest counts them.
    """
    rule, experiment = report.rule_name, job.experiment
    alert = Alert(
        kind=KIND,
        severity=Severity.WARNING,
        title=f"Rule {rule} saw nothing to judge by in {experiment}/{job.trial_id}",
        summary=f"The training job {job.job_name} is over, and the rule {rule} never saw what it judges by: "
        f"it says nothing about the training. {experiment} is told of this once; its digest counts the trials.",
        facts=(
            Fact("Experiment", experiment),
            Fact("Trial", f"{job.trial_id} (attempt {job.attempt})"),
            Fact("Rule", rule),
        ),
        details=(f"{report.details or 'The rule gives no details'}.",),
        action="nothing, because the rule saw nothing that it could judge by",
        commands=(f"gridwatch inspect {job.job_name}", f"gridwatch tensors ls {job.job_name}"),
    )
    return record(alert, about=(experiment, upload, rule), experiment=experiment, now=now, trial_id=job.trial_id)
