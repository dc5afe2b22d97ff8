"""The requests in one batch of messages: snapshots by experiment, each with the messages that wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch.events.sqs import queued_bodies


@dataclass(frozen=True, slots=True)
class Batch:
    """Ids of messages, by what they ask for; `unreadable` are those that ask for nothing we know, with the reason.

    `live`: the experiments that are named only by messages which want fresh tables, and since when.
    """

    experiments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    live: Mapping[str, str] = field(default_factory=dict)
    everything: Sequence[str] = ()  # a schedule's tick: all experiments that changed since their last snapshot
    unreadable: Mapping[str, str] = field(default_factory=dict)


def parse_batch(event: Mapping[str, Any]) -> Batch:
    """The requests in an SQS event or in a single event: many messages about one experiment ask for one snapshot."""
    experiments: dict[str, list[str]] = {}
    everything: list[str] = []
    unreadable: dict[str, str] = {}
    since: dict[str, list[str]] = {}
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
    live = {experiment: max(moments) for experiment, moments in since.items() if all(moments)}
    return Batch(experiments, live, everything, unreadable)


def _experiment_of(body: Mapping[str, Any]) -> str | None:
    """The experiment a message names; None for a schedule's event."""
    if body.get("type") == "SnapshotExperiment":
        return str(body["experiment"])
    if body.get("source") in ("aws.events", "aws.scheduler") and body.get("detail-type") == "Scheduled Event":
        return None
    raise ValueError(f"neither a SnapshotExperiment message nor a schedule's event: {sorted(body)}")
