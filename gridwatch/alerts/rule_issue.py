"""The alert about one rule of one job: what it found, what was done, and where to look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from gridwatch.alerts.content import Alert, Curve, Fact, Severity, alert_id, parameters, record
from gridwatch.alerts.links import Link, job_links, logs_command
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import Action
from gridwatch.domain.savings import SavingsRecord
from gridwatch.savings.words import in_words
from gridwatch.verdicts.decision import Decision, Response
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import StatusChange
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
    *, job: JobRecord, job_arn: str, change: StatusChange, reacted: Reacted, tensors_uri: str, now: datetime
) -> AlertRecord:
    """The alert about a rule's issue: one for each job and rule."""
    alert = Alert(
        kind=KIND,
        severity=_severity(job, change),
        title=_title(job, change, reacted),
        summary=_summary(job, change, reacted),
        facts=(*_facts(job, change), *_savings(reacted)),
        details=() if change.status is RuleStatus.ERROR else (_sentence(change),),
        curve=_curve(change.finding),
        action=f"{reacted.decision.response}, because {reacted.decision.reason}",
        outcome=reacted.outcome,
        links=(*job_links(job_arn), Link("Tensors", tensors_uri)),
        commands=(f"gridwatch inspect {job.job_name}", logs_command(job.job_name)),
    )
    return record(
        alert,
        about=(job.job_name, change.rule_name),
        experiment=job.experiment,
        now=now,
        trial_id=job.trial_id,
        cause=f"{change.status.value} {job.experiment} {change.rule_name}",
    )


def _severity(job: JobRecord, change: StatusChange) -> Severity:
    """A rule that was to stop the job and failed leaves it running without its guard: a person must help.

    An issue is a warning, also when it stopped the job: what had to be done is done.
    """
    guards = any(policy.name == change.rule_name and policy.on_issue is Action.STOP for policy in job.policies)
    return Severity.CRITICAL if change.status is RuleStatus.ERROR and guards else Severity.WARNING


def _title(job: JobRecord, change: StatusChange, reacted: Reacted) -> str:
    trial = f"{job.experiment}/{job.trial_id}"
    if change.status is RuleStatus.ERROR:
        return f"Rule {change.rule_name} failed: it does not watch {trial}"
    if reacted.would_have:
        return f"Would have stopped {trial}: {change.rule_name}"
    return f"Stopped {trial}: {change.rule_name}" if reacted.stopped else f"{change.rule_name} in {trial}"


def _summary(job: JobRecord, change: StatusChange, reacted: Reacted) -> str:
    if change.status is RuleStatus.ERROR:
        reason = change.details or "it gives no reason"
        return f"The rule {change.rule_name} failed and says nothing about {job.job_name} any more: {reason}"
    if reacted.stopped:
        return f"Gridwatch stopped the training job {job.job_name}."
    if reacted.audited:
        return f"Gridwatch lets the training job {job.job_name} run on as an audit; it would have stopped it otherwise."
    if reacted.would_have:
        return f"Gridwatch would have stopped the training job {job.job_name}, but its rule is in shadow mode."
    return f"An issue was found in the training job {job.job_name}, which Gridwatch did not stop."


def _sentence(change: StatusChange) -> str:
    found = change.finding.sentence if change.finding else ""
    text = found or change.details or "The rule gives no details"
    return f"{change.rule_name}: {text}" + ("" if text.endswith((".", "!", "?")) else ".")


def _facts(job: JobRecord, change: StatusChange) -> tuple[Fact, ...]:
    finding, step = change.finding, change.step
    facts = [
        Fact("Experiment", job.experiment),
        Fact("Trial", f"{job.trial_id} (attempt {job.attempt})"),
        Fact("Rule", f"{change.rule_name} at step {step}" if step is not None else change.rule_name),
    ]
    if finding is not None and finding.tensor:
        facts.append(Fact("Tensor", finding.tensor))
    if finding is not None and finding.observed is not None:
        against = f", threshold {_number(finding.threshold)}" if finding.threshold is not None else ""
        facts.append(Fact("Observed", f"{_number(finding.observed)}{against}"))
    if job.algorithm is not None:
        facts.append(Fact("Algorithm", job.algorithm))
    return (*facts, Fact("Parameters", parameters(job.hyperparameters)))


def _savings(reacted: Reacted) -> tuple[Fact, ...]:
    if reacted.savings is None or not (reacted.stopped or reacted.would_have):
        return ()
    return (Fact("Would have saved" if reacted.would_have else "Saved", in_words(reacted.savings)),)


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else str(float(value))


def _curve(finding: Finding | None) -> Curve | None:
    if finding is None or finding.curve is None or not finding.curve.steps:
        return None
    return Curve(str(finding.tensor), finding.curve.steps, tuple(finding.curve.as_json()["values"]))
