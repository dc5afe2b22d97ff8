"""Alerts as data. Written by the launching side with what it needs; whoever owns alerts is free to replace it.

What must stay are the builders' names and arguments.

An alert's id is derived from what it is about, so that asking twice is asking once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from gridwatch.state.records import AlertRecord, TrialRecord


def spec_rejected(
    *, spec_key: str, spec_version: str, problems: Sequence[str], total: int, answer_key: str, now: datetime
) -> AlertRecord:
    """A spec cannot be accepted. `problems` are lines for people, `answer_key` is where all of them are written."""
    return AlertRecord(
        alert_id=_alert_id("spec_rejected", spec_key, spec_version),
        experiment=None,
        kind="spec_rejected",
        content={
            "title": f"Spec {spec_key} cannot be launched",
            "text": "\n".join(problems),
            "spec_key": spec_key,
            "spec_version": spec_version,
            "problems": list(problems),
            "problem_count": total,
            "answer_key": answer_key,
        },
        created_at=now,
    )


def trial_refused(*, trial: TrialRecord, code: str, reason: str, spec_version: str, now: datetime) -> AlertRecord:
    """SageMaker refuses a trial for good. One alert for each upload and reason: the trials of a grid are alike."""
    return AlertRecord(
        alert_id=_alert_id("trial_refused", trial.experiment, spec_version, code, reason.replace(trial.job_name, "")),
        experiment=trial.experiment,
        kind="trial_refused",
        content={
            "title": f"SageMaker refuses training jobs of {trial.experiment}",
            "text": reason,
            "trial_id": trial.trial_id,
            "job_name": trial.job_name,
            "hyperparameters": dict(trial.hyperparameters),
            "code": code,
            "reason": reason,
        },
        created_at=now,
    )


def trial_failed(*, trial: TrialRecord, now: datetime) -> AlertRecord:
    """A training job failed."""
    return AlertRecord(
        alert_id=_alert_id("trial_failed", trial.job_name),
        experiment=trial.experiment,
        kind="trial_failed",
        content={
            "title": f"Training job {trial.job_name} failed",
            "text": trial.reason or "SageMaker gave no reason",
            "trial_id": trial.trial_id,
            "job_name": trial.job_name,
            "hyperparameters": dict(trial.hyperparameters),
            "reason": trial.reason,
        },
        created_at=now,
    )


def _alert_id(*parts: str) -> str:
    return f"{parts[0]}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:16]}"
