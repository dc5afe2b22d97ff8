"""What messages ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gridwatch.events.messages import EvaluateJob, SnapshotExperiment, to_body
from snapshot_experiment.requests import parse_batch

TICK = (Path(__file__).parents[2] / "events" / "scheduled_event.json").read_text()


def _event(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]}


def test_many_messages_about_one_experiment_ask_for_one_snapshot() -> None:
    one, two = to_body(SnapshotExperiment("blobs")), to_body(SnapshotExperiment("digits"))
    batch = parse_batch(_event(one, two, one))
    assert batch.experiments == {"blobs": ["m0", "m2"], "digits": ["m1"]}
    assert (batch.everything, batch.unreadable) == ([], {})


def test_a_schedules_event_asks_for_everything() -> None:
    assert parse_batch(_event(TICK)).everything == ["m0"]
    assert parse_batch(json.loads(TICK)).everything == [""]


def test_what_asks_for_nothing_we_know_is_named_and_spoils_no_other() -> None:
    batch = parse_batch(_event("not json", to_body(EvaluateJob("job")), "[]", to_body(SnapshotExperiment("blobs"))))
    assert sorted(batch.unreadable) == ["m0", "m1", "m2"]
    assert batch.experiments == {"blobs": ["m3"]}
