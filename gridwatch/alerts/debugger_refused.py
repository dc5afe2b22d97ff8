"""The alert that an account turns out to have no access to SageMaker Debugger."""

from __future__ import annotations

from gridwatch.alerts.content import Alert, Fact, Severity, record
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.deployments import DebuggerRefusal

KIND = "debugger_refused"


def debugger_refused(refusal: DebuggerRefusal) -> AlertRecord:
    """The alert about a refusal of Debugger: one for each time that a refusal is found."""
    alert = Alert(
        kind=KIND,
        severity=Severity.WARNING,
        title=f"No SageMaker Debugger in {refusal.account}, {refusal.region}: Gridwatch's own rules go on",
        summary=(
            f"SageMaker refused the training job {refusal.job_name} with Debugger's fields and took it without them. "
            "The job runs under Gridwatch's own rules, and so do all that follow whose spec says engine: auto."
        ),
        facts=(
            Fact("Account", refusal.account),
            Fact("Region", refusal.region),
            Fact("Experiment", refusal.experiment),
            Fact("Job", refusal.job_name),
            Fact("Error", refusal.code),
        ),
        details=(refusal.words,),
        action="nothing is launched without the rules that its spec asks for; Debugger is tried again in 30 days",
        commands=("gridwatch debugger status", "gridwatch debugger forget"),
    )
    about = (refusal.account, refusal.region, refusal.at.isoformat())
    return record(alert, about=about, experiment=refusal.experiment, now=refusal.at)
