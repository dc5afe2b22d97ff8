"""The alert about one rule of one job: what it found, what was done, and where to look."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch.alerts.content import Alert, Curve, Fact, Severity, alert_id, parameters, record
from gridwatch.alerts.links import Link, job_links, logs_command
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rule_report import RuleReport
from gridwatch.domain.rules import Action
from gridwatch.domain.savings import SavingsRecord
from gridwatch.savings.words import in_words
from gridwatch.verdicts.decision import Decision, Response
from gridwatch_rules.status import RuleStatus

KIND = "rule_issue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted:
    """What was decided about a rule's status, and what came of it."""

    decision: Decision
    outcome: str
    stopped: bool  # whether Gridwatch has asked for the stop
    savings: SavingsRecord | None = None  # of the stop, or of the one that was not made
    audited: bool = False

    @property
    def would_have(self) -> bool:
        return self.decision.response is Response.WOULD_STOP


def rule_issue_id(job_name: str, rule_name: str) -> str:
    return alert_id(KIND, job_name, rule_name)


def rule_issue(
    *, job: JobRecord, job_arn: str, report: RuleReport, reacted: Reacted, tensors_uri: str, now: datetime
) -> AlertRecord:
    """The alert about a rule's issue: one for each job and rule."""
    alert = Alert(
        kind=KIND,
        severity=_severity(job, report),
        title=_title(job, report, reacted),
        summary=_summary(job, report, reacted),
        facts=(*_facts(job, report), *_savings(reacted)),
        details=() if report.status is RuleStatus.ERROR else (_sentence(report),),
        curve=_curve(report.finding or {}),
        action=f"{reacted.decision.response}, because {reacted.decision.reason}",
        outcome=reacted.outcome,
        links=(*job_links(job_arn), Link("Tensors", tensors_uri)),
        commands=(f"gridwatch inspect {job.job_name}", logs_command(job.job_name)),
    )
    return record(
        alert,
        about=(job.job_name, report.rule_name),
        experiment=job.experiment,
        now=now,
        trial_id=job.trial_id,
        cause=f"{report.status.value} {job.experiment} {report.rule_name}",
    )


def _severity(job: JobRecord, report: RuleReport) -> Severity:
    """How urgent the alert is. A rule that was to stop the job and failed leaves it running unguarded: a person must
    help.

    An issue is a warning, also when it stopped the job: what had to be done is done.
    """
    guards = any(policy.name == report.rule_name and policy.on_issue is Action.STOP for policy in job.policies)
    return Severity.CRITICAL if report.status is RuleStatus.ERROR and guards else Severity.WARNING


def _title(job: JobRecord, report: RuleReport, reacted: Reacted) -> str:
    trial = f"{job.experiment}/{job.trial_id}"
    if report.status is RuleStatus.ERROR:
        return f"Rule {report.rule_name} failed: it does not watch {trial}"
    if reacted.would_have:
        return f"Would have stopped {trial}: {report.rule_name}"
    return f"Stopped {trial}: {report.rule_name}" if reacted.stopped else f"{report.rule_name} in {trial}"


def _summary(job: JobRecord, report: RuleReport, reacted: Reacted) -> str:
    if report.status is RuleStatus.ERROR:
        reason = report.details or "it gives no reason"
        return f"The rule {report.rule_name} failed and says nothing about {job.job_name} any more: {reason}"
    if reacted.stopped:
        return f"Gridwatch stopped the training job {job.job_name}."
    if reacted.audited:
        return f"Gridwatch lets the training job {job.job_name} run on as an audit; it would have stopped it otherwise."
    if reacted.would_have:
        return f"Gridwatch would have stopped the training job {job.job_name}, but its rule is in shadow mode."
    return f"An issue was found in the training job {job.job_name}, which Gridwatch did not stop."


def _sentence(report: RuleReport) -> str:
    text = str((report.finding or {}).get("sentence") or report.details or "The rule gives no details")
    return f"{report.rule_name}: {text}" + ("" if text.endswith((".", "!", "?")) else ".")


def _facts(job: JobRecord, report: RuleReport) -> tuple[Fact, ...]:
    finding = report.finding or {}
    step = report.step
    facts = [
        Fact("Experiment", job.experiment),
        Fact("Trial", f"{job.trial_id} (attempt {job.attempt})"),
        Fact("Rule", f"{report.rule_name} at step {step}" if step is not None else report.rule_name),
    ]
    if finding.get("tensor"):
        facts.append(Fact("Tensor", str(finding["tensor"])))
    observed, threshold = finding.get("observed"), finding.get("threshold")
    if observed is not None:
        against = f", threshold {_number(threshold)}" if threshold is not None else ""
        facts.append(Fact("Observed", f"{_number(observed)}{against}"))
    if job.algorithm is not None:
        facts.append(Fact("Algorithm", job.algorithm))
    return (*facts, Fact("Parameters", parameters(job.hyperparameters)))


def _savings(reacted: Reacted) -> tuple[Fact, ...]:
    if reacted.savings is None or not (reacted.stopped or reacted.would_have):
        return ()
    return (Fact("Would have saved" if reacted.would_have else "Saved", in_words(reacted.savings)),)


def _number(value: Any) -> str:
    number = float(value)
    return f"{number:.6g}" if math.isfinite(number) else str(number)


def _curve(finding: Mapping[str, Any]) -> Curve | None:
    curve = finding.get("curve")
    if not curve or not curve["steps"]:
        return None
    return Curve(str(finding["tensor"]), tuple(curve["steps"]), tuple(curve["values"]))
