"""Status and leaderboard of trials that run: what their streams say now, in one query."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from gridwatch.cli.current import last_value, with_current
from gridwatch.cli.experiments import read_status
from gridwatch.domain.jobs import CurrentRecord
from gridwatch.domain.trials import TrialState
from gridwatch.state.memory import MemoryStore
from tests.unit.tables.facts_of import NOON, a_trial, an_experiment

METRIC = "validation:error"
RUNNING = replace(a_trial(1, state=TrialState.RUNNING, status="InProgress"), final_metrics={})
DONE = a_trial(0)


@dataclass
class FakeCloud:
    store: MemoryStore = field(default_factory=MemoryStore)
    unreadable: dict[str, str] = field(default_factory=dict)


def a_cloud(**current: Any) -> Any:
    cloud = FakeCloud()
    cloud.store.put_experiment(an_experiment(DONE, RUNNING))
    cloud.store.add_trials([DONE, RUNNING])
    record = CurrentRecord(
        experiment="blobs", trial_id=RUNNING.trial_id, job_name=RUNNING.job_name, metric=METRIC, source="log",
        count=3, step=2, value=0.05, best=0.04, best_step=1, logged_at=NOON, updated_at=NOON,
    )  # fmt: skip
    cloud.store.put_current(replace(record, **current))
    return cloud


def test_status_shows_the_value_of_a_trial_that_runs() -> None:
    done, running = read_status(a_cloud(), "blobs")["trials"]
    assert (running["objective_value"], running["objective_best"], running["objective_step"]) == (0.05, 0.04, 2)
    assert (running["objective_source"], running["objective_at"]) == ("log", NOON)
    assert done["objective_value"] == DONE.final_metrics[METRIC]


def test_a_value_of_a_former_attempt_is_nobodys() -> None:
    _, running = read_status(a_cloud(job_name="gridwatch-blobs-0000000001-0"), "blobs")["trials"]
    assert running["objective_value"] is None


def test_a_trial_that_runs_has_its_place_on_the_leaderboard_before_any_snapshot() -> None:
    rows = with_current(a_cloud(), "blobs", [])
    assert [(row["place"], row["trial_id"], row["state"], row["objective_value"]) for row in rows] == [
        (1, RUNNING.trial_id, "running", 0.05),
        (2, DONE.trial_id, "completed", DONE.final_metrics[METRIC]),
    ]


def test_what_was_over_at_the_snapshot_stays_as_it_is_there() -> None:
    known = {"trial_id": DONE.trial_id, "state": "completed", "objective_value": 0.01, "objective_best": 0.005,
             "grid_index": 0, "place": 9}  # fmt: skip
    first, second = with_current(a_cloud(), "blobs", [known])
    assert (first["place"], first["objective_best"], second["place"]) == (1, 0.005, 2)


def test_sagemakers_own_word_counts_when_the_job_is_over_and_else_where_there_is_no_curve() -> None:
    (current,) = a_cloud().store.list_current("blobs")
    assert last_value(DONE, METRIC, current) == DONE.final_metrics[METRIC]
    described = replace(RUNNING, final_metrics={METRIC: 0.2})
    assert last_value(described, METRIC, None) == 0.2
    assert last_value(described, METRIC, current) == 0.05
    assert last_value(RUNNING, METRIC, None) is None
