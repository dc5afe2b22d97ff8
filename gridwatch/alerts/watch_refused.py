"""The alerts about rule sets: one that cannot be used, and one that can be used but is probably not meant that way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gridwatch.alerts.content import Alert, Fact, Severity, record
from gridwatch.domain.alerts import AlertRecord

KIND = "watch_refused"
DOUBTFUL = "watch_doubtful"


def watch_refused(*, job_name: str, rule_set: str, version: str, problems: Sequence[str], now: datetime) -> AlertRecord:
    """The alert that a rule set cannot be used: one for each rule set and version, whichever job met it first.
    `problems` are lines for people.
    """
    alert = Alert(
        kind=KIND,
        severity=Severity.CRITICAL,
        title=f"Training job {job_name} is not watched: rule set {rule_set}",
        summary=(
            f"The training job {job_name} carries the tag gridwatch:watch = {rule_set}, but this rule set cannot be "
            "used. Jobs that ask for it are not watched until it is put right."
        ),
        facts=(Fact("Rule set", rule_set), Fact("Version", version or "none"), Fact("Job", job_name)),
        details=tuple(problems),
    )
    return record(alert, about=(rule_set, version), experiment=None, now=now)


def watch_doubtful(*, rule_set: str, version: str, warnings: Sequence[str], now: datetime) -> AlertRecord:
    """The alert that a rule set is probably not meant as written: one for each rule set and version. `warnings` are
    lines for people.
    """
    alert = Alert(
        kind=DOUBTFUL,
        severity=Severity.WARNING,
        title=f"Rule set {rule_set} is used, and hardly meant so",
        summary=f"Jobs that ask for the rule set {rule_set} are watched under it as it is.",
        facts=(Fact("Rule set", rule_set), Fact("Version", version or "none")),
        details=tuple(warnings),
    )
    return record(alert, about=(rule_set, version, DOUBTFUL), experiment=None, now=now)
