"""Records the tuning job of an accepted spec, once; `start_trials` hands it to SageMaker."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gridwatch.domain.experiments import TuningRecord
from gridwatch.domain.trials import TrialState
from gridwatch.launch.plan import Plan
from gridwatch.state.store import ConflictError, StateStore

REMOVED = "another upload came before it was created"


def record_tuning(plan: Plan, store: StateStore, uploaded_at: datetime, now: datetime) -> None:
    """Record the tuning job. Waiting ones of former uploads are cancelled, running ones go on. One that was refused, or
    cancelled by another upload, before this one waits again.
    """
    name = plan.tuning["HyperParameterTuningJobName"] if plan.tuning is not None else None
    for former in store.list_tunings(plan.experiment):
        if former.state is TrialState.WAITING and former.name != name:
            _revise(store, former, TrialState.CANCELLED, REMOVED, now)
    if plan.tuning is None or name is None:
        return
    fresh = TuningRecord(
        experiment=plan.experiment, name=name, state=TrialState.WAITING, request=plan.tuning, created_at=now,
        updated_at=now,
    )  # fmt: skip
    if store.add_tuning(fresh):
        return
    kept = store.get_tuning(plan.experiment, name)
    if kept is not None and kept.arn is None and kept.state.is_finished and kept.updated_at < uploaded_at:
        _revise(store, kept, TrialState.WAITING, None, now)


def _revise(store: StateStore, record: TuningRecord, state: TrialState, reason: str | None, now: datetime) -> None:
    try:
        store.update_tuning(replace(record, state=state, reason=reason, updated_at=now), expected=record)
    except ConflictError:
        return  # a launcher was faster, and it runs
