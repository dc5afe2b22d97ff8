"""In which of SageMaker's experiments the trials of an experiment are: one named after it, and further ones."""

from __future__ import annotations

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.state.store import TrackingStore


def sagemaker_experiments(store: TrackingStore, record: ExperimentRecord) -> tuple[str, ...]:
    """Their names, as they were opened; empty for an experiment that SageMaker has none of, as of watched jobs."""
    first = (record.template.get("ExperimentConfig") or {}).get("ExperimentName")
    tracked = store.get_tracking(record.name) if first else None
    return tracked.entities if tracked is not None else (first,) if first else ()
