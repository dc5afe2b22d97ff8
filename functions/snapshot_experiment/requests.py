"""What the messages of one batch ask for: snapshots by experiment, each with the messages that wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gridwatch.events.sqs import queued_bodies

# What follows from a job's end, such as the last evaluation of its rules, is to be in the tables as well: for as long
# the queue keeps its messages back (infra/constructs/queues.py).
FOLLOWS = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Batch:
    """Ids of messages, by what they ask for; `unreadable` are those that ask for nothing we know, with the reason.

    `live`: of experiments that only such messages name as want fresh tables, since when. `asked`: from when on the
    tables must have been read to answer all messages about the experiment, as far as that is known.
    """

    experiments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    live: Mapping[str, str] = field(default_factory=dict)
    everything: Sequence[str] = ()  # a schedule's tick: all experiments that changed since their last snapshot
    unreadable: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, datetime] = field(default_factory=dict)


def parse_batch(event: Mapping[str, Any]) -> Batch:
    """An SQS event, or a single event that was not queued: many messages about one experiment ask for one snapshot."""
    experiments: dict[str, list[str]] = {}
    everything: list[str] = []
    unreadable: dict[str, str] = {}
    since: dict[str, list[str]] = {}
    asked: dict[str, list[datetime | None]] = {}
    for body in queued_bodies(event):
        try:
            message = body.parsed()
            experiment = _experiment_of(message)
        except (ValueError, KeyError) as error:
            unreadable[body.message_id] = f"{type(error).__name__}: {error}"
            continue
        if experiment is None:
            everything.append(body.message_id)
        else:
            experiments.setdefault(experiment, []).append(body.message_id)
            since.setdefault(experiment, []).append(str(message.get("since") or ""))
            asked.setdefault(experiment, []).append(_asked(message, body.sent_at))
    live = {experiment: max(moments) for experiment, moments in since.items() if all(moments)}
    known = {experiment: [each for each in its if each is not None] for experiment, its in asked.items()}
    moments = {experiment: max(its) for experiment, its in known.items() if len(its) == len(asked[experiment])}
    return Batch(experiments, live, everything, unreadable, moments)


def _asked(message: Mapping[str, Any], sent_at: datetime | None) -> datetime | None:
    """The moment that the tables must know of; None when nothing tells."""
    if not message.get("since"):
        return sent_at + FOLLOWS if sent_at is not None else None
    try:
        since = datetime.fromisoformat(str(message["since"]))
    except ValueError:
        return None
    return since if since.tzinfo is not None else None


def _experiment_of(body: Mapping[str, Any]) -> str | None:
    """The experiment a message names; None for a schedule's event."""
    if body.get("type") == "SnapshotExperiment":
        return str(body["experiment"])
    if body.get("source") in ("aws.events", "aws.scheduler") and body.get("detail-type") == "Scheduled Event":
        return None
    raise ValueError(f"neither a SnapshotExperiment message nor a schedule's event: {sorted(body)}")
