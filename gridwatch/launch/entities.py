"""Which SageMaker experiments hold the trials of an experiment: one named after it, and further ones."""

from __future__ import annotations

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.grid.names import without_number
from gridwatch.state.store import TrackingStore


def sagemaker_experiments(store: TrackingStore, record: ExperimentRecord) -> tuple[str, ...]:
    """The names of the SageMaker experiments in the order in which they were opened. Empty for watched jobs, which have
    none, and for an experiment that launched nothing while its name belongs to another's further experiment.
    """
    first = (record.template.get("ExperimentConfig") or {}).get("ExperimentName")
    if not first:
        return ()
    tracked = store.get_tracking(record.name)
    if tracked is not None:
        return tracked.entities
    return () if is_further_of_another(store, record.name, first) else (first,)


def is_further_of_another(store: TrackingStore, experiment: str, entity: str) -> bool:
    """Whether the experiment's own name in SageMaker was taken when another experiment was full."""
    stem = without_number(experiment)
    other = store.get_tracking(stem) if stem else None
    return other is not None and entity in other.entities
