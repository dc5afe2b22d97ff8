"""The messages on Gridwatch's own queues, each a small JSON object.

A queue may also carry the events named in docs/architecture.md, wrapped by EventBridge.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class StartTrials:
    """Queue `start`: look for trials to hand to SageMaker. `reason` is for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class TrackJob:
    """Queue `track`: ask SageMaker for this job's state, as if an event had told that it is over."""

    job_name: str


@dataclass(frozen=True, slots=True)
class EvaluateJob:
    """Queue `evaluate`: look at this job's streams of metrics. `ended`: the job is over, finish its rules. `look`: the
    time for which this look was planned, for a job whose log is read. `rest`: the time at which an earlier call could
    not finish all of the new steps; this message continues it.
    """

    job_name: str
    ended: bool = False
    look: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True)
class EvaluateSlowRule:
    """Queue `slow`: run this job's custom rule, or write the report that this rule stands for.

    `ended`: the job is over, so the rule must reach its verdict.
    """

    job_name: str
    rule_name: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class SnapshotExperiment:
    """Queue `snapshot`: write this experiment's tables. `since` is set while its jobs run, so that the tables are at
    least as new.
    """

    experiment: str
    since: str = ""


@dataclass(frozen=True, slots=True)
class DeliverAlert:
    """Queue `alerts`: tell people about the alert recorded under this id."""

    alert_id: str


@dataclass(frozen=True, slots=True)
class CloseGate:
    """Queue `alerts`: send what this gate has held back, if it is time."""

    gate_id: str


@dataclass(frozen=True, slots=True)
class DigestExperiment:
    """Queue `alerts`: tell how this experiment ended, if all its trials are over."""

    experiment: str


@dataclass(frozen=True, slots=True)
class PostWebhook:
    """Queue `webhooks`: post this JSON to the webhook of that channel."""

    channel: str
    alert_id: str
    payload: str


Message = (
    StartTrials
    | TrackJob
    | EvaluateJob
    | EvaluateSlowRule
    | SnapshotExperiment
    | DeliverAlert
    | CloseGate
    | DigestExperiment
    | PostWebhook
)


def to_body(message: Message) -> str:
    """The message as an SQS body; empty fields are left out."""
    said = {name: value for name, value in asdict(message).items() if value != ""}
    return json.dumps({"type": type(message).__name__, **said})
