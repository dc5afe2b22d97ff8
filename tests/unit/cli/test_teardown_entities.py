"""Which of SageMaker's experiments a teardown takes: its own, as they are on record, and never another one's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gridwatch.cli.teardown import entities_of
from gridwatch.domain.experiments import TrackingRecord
from gridwatch.launch.entities import sagemaker_experiments
from gridwatch.state.memory import MemoryStore
from tests.unit.tables.facts_of import NOON, an_experiment

FULL = ("gridwatch-churn", "gridwatch-churn-002")


def cloud(*names: str, tracked: dict[str, tuple[str, ...]]) -> Any:
    store = MemoryStore()
    for name in names:
        template = {"ExperimentConfig": {"ExperimentName": f"gridwatch-{name}"}}
        store.put_experiment(an_experiment(name=name, template=template))
    for name, entities in tracked.items():
        store.save_tracking(TrackingRecord(experiment=name, entities=entities, updated_at=NOON))
    return SimpleNamespace(store=store, deployment=SimpleNamespace(name_prefix="gridwatch"))


def test_a_further_experiment_of_another_is_not_taken_for_ones_own() -> None:
    """`churn-002` was uploaded when `churn` was full already, and torn down before anything of it was launched."""
    there = cloud("churn", "churn-002", tracked={"churn": FULL})
    assert entities_of(there, "churn") == FULL
    assert entities_of(there, "churn-002") == ()
    record = there.store.get_experiment("churn-002")
    assert record is not None
    assert sagemaker_experiments(there.store, record) == (), "tables of it show nothing of the other's either"


def test_one_that_has_the_name_for_itself_keeps_it() -> None:
    alone = cloud("churn", "churn-002", tracked={"churn": FULL[:1], "churn-002": ("gridwatch-churn-002",)})
    assert entities_of(alone, "churn-002") == ("gridwatch-churn-002",)
    assert entities_of(cloud("churn-002", tracked={}), "churn-002") == ("gridwatch-churn-002",)
    moved = cloud("churn", "churn-002", tracked={"churn": FULL, "churn-002": ("gridwatch-churn-002-002",)})
    assert entities_of(moved, "churn-002") == ("gridwatch-churn-002-002",)
