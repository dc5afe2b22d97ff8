"""In which of SageMaker's experiments the trials of an experiment are: one named after it, and further ones."""

from __future__ import annotations

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.grid.names import without_number
from gridwatch.state.store import TrackingStore


def sagemaker_experiments(store: TrackingStore, record: ExperimentRecord) -> tuple[str, ...]:
    """Their names, as they were opened; empty for an experiment that SageMaker has none of, as of watched jobs, and for
    one of which nothing was launched while its name is that of a further experiment of another.
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
