"""Alerts as data: what is told, apart from how it looks in a mail or a chat.

An alert's id is derived from its subject, so asking for the same alert twice sends it once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gridwatch.alerts.links import Link, job_links, logs_command
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.failure_cause import cause_of
from gridwatch.state.codec import from_document, to_document

TRIAL_FAILED = "trial_failed"
_LAST_WORDS = 8  # lines


class Severity(StrEnum):
    """How urgent an alert is; subscriptions filter by it."""

    CRITICAL = "critical"  # something does not run that should, and nobody but a person can help
    WARNING = "warning"  # a rule found an issue
    INFO = "info"  # nothing is wrong: an experiment has ended


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The last values of one tensor, by step. Values that JSON has no number for are kept as text ("nan", "inf")."""

    tensor: str
    steps: tuple[int, ...]
    values: tuple[float | str, ...]

    def numbers(self) -> list[float]:
        return [float(value) for value in self.values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What people are told. `title` fits in one line; `summary` says in a sentence or two what happened and what was
    done.
    """

    kind: str
    severity: Severity
    title: str
    summary: str
    facts: tuple[Fact, ...] = ()
    details: tuple[str, ...] = ()  # lines to be shown as they are
    curve: Curve | None = None
    action: str | None = None
    outcome: str | None = None
    links: tuple[Link, ...] = ()
    commands: tuple[str, ...] = ()


def content_of(alert: AlertRecord) -> Alert:
    """The content of a recorded alert. If it cannot be read (a newer version wrote it), the other fields of the record
    are told.
    """
    try:
        return from_document(Alert, alert.content)
    except ValueError as error:
        about = f" of {alert.experiment}" if alert.experiment else ""
        title = f"An alert{about} cannot be read"
        summary = f"Gridwatch has an alert of the kind {alert.kind}{about}, and cannot read what it says: {error}."
        return Alert(kind=alert.kind, severity=Severity.WARNING, title=title, summary=summary)


def spec_rejected(
    *, spec_key: str, spec_version: str, problems: Sequence[str], total: int, answer_key: str, now: datetime
) -> AlertRecord:
    """The alert that a spec cannot be accepted. `problems` are lines for people; all of them are written to
    `answer_key`.
    """
    count = "one problem" if total == 1 else f"{total} problems"
    alert = Alert(
        kind="spec_rejected",
        severity=Severity.CRITICAL,
        title=f"Spec {spec_key} was not launched: {count}",
        summary=f"The spec {spec_key} has {count}. Nothing was launched; correct it and upload it again.",
        facts=(Fact("Spec", spec_key), Fact("Version", spec_version), Fact("Answer", answer_key)),
        details=tuple(problems),
    )
    return record(alert, about=(spec_key, spec_version), experiment=None, now=now)


def trial_refused(*, trial: TrialRecord, code: str, reason: str, spec_version: str, now: datetime) -> AlertRecord:
    """The alert that SageMaker refuses a trial for good. There is one for each upload and reason, because a grid's
    trials are alike.
    """
    alert = Alert(
        kind="trial_refused",
        severity=Severity.CRITICAL,
        title=f"SageMaker refuses training jobs of {trial.experiment}",
        summary=f"SageMaker refuses the training job {trial.job_name} and will refuse it again: {reason}",
        facts=(*trial_facts(trial), Fact("Error", code)),
        action="the trial is not launched; others that are refused for the same reason are not told again",
        commands=(f"gridwatch status {trial.experiment}",),
    )
    about = (trial.experiment, spec_version, code, reason.replace(trial.job_name, ""))
    return record(alert, about=about, experiment=trial.experiment, now=now)


def trial_failed(*, trial: TrialRecord, now: datetime) -> AlertRecord:
    """The alert that a training job failed."""
    cause = cause_of(trial.reason)
    alert = Alert(
        kind=TRIAL_FAILED,
        severity=Severity.CRITICAL,
        title=f"{trial.experiment}/{trial.trial_id} failed: {cause}",
        summary=f"The training job {trial.job_name} failed: {cause}",
        facts=trial_facts(trial),
        details=_last_words(trial.reason or "", cause),
        links=job_links(trial.job_arn or ""),
        commands=(logs_command(trial.job_name), f"gridwatch status {trial.experiment}"),
    )
    return record(
        alert,
        about=(trial.job_name,),
        experiment=trial.experiment,
        now=now,
        trial_id=trial.trial_id,
        cause=f"failed {trial.experiment}",
    )


def _last_words(reason: str, cause: str) -> tuple[str, ...]:
    """The end of a failure reason, if it says more than its cause."""
    lines = [line.rstrip() for line in reason.splitlines() if line.strip()]
    return tuple(lines[-_LAST_WORDS:]) if reason.strip() != cause else ()


def record(
    alert: Alert,
    *,
    about: Sequence[str],
    experiment: str | None,
    now: datetime,
    trial_id: str | None = None,
    cause: str | None = None,
) -> AlertRecord:
    """The alert as a record. `about` identifies the alert: its id is derived from it.

    Alerts of one `cause` that come within some minutes are told together.
    """
    return AlertRecord(
        alert_id=alert_id(alert.kind, *about),
        experiment=experiment,
        kind=alert.kind,
        content=to_document(alert),
        created_at=now,
        trial_id=trial_id,
        cause=cause,
    )


def alert_id(kind: str, *about: str) -> str:
    """The alert's id: the same for the same subject, whoever asks and however often."""
    return f"{kind}-{hashlib.sha256(json.dumps([kind, *about]).encode()).hexdigest()[:16]}"


def trial_facts(trial: TrialRecord) -> tuple[Fact, ...]:
    return (
        Fact("Experiment", trial.experiment),
        Fact("Trial", f"{trial.trial_id} (attempt {trial.attempt})"),
        *((Fact("Algorithm", trial.algorithm),) if trial.algorithm is not None else ()),
        Fact("Parameters", parameters(trial.hyperparameters)),
    )


def parameters(hyperparameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(hyperparameters.items())) or "none"


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?", "…")) else ".")


def duration(time: timedelta) -> str:
    """A duration in words: to the second, and from an hour on to the minute."""
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
