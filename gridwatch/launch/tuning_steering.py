"""Stops the tuning jobs of an experiment, so that SageMaker launches no more of their jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gridwatch.domain.trials import TrialState
from gridwatch.launch.steering import BY_HAND
from gridwatch.state.store import ConflictError, TuningStore
from gridwatch_rules.failures import NotFoundError


def stop_tunings(store: TuningStore, experiment: str, stop: Callable[[str], bool], now: datetime) -> list[str]:
    """Cancel waiting tuning jobs and stop running ones by `stop`; SageMaker then stops their training jobs.

    Returns what was done, in words. Repeated, it completes what is missing; raises gridwatch_rules.failures errors.
    """
    told = []
    for record in store.list_tunings(experiment):
        if record.state is TrialState.WAITING:
            cancelled = replace(record, state=TrialState.CANCELLED, reason=BY_HAND, updated_at=now)
            try:
                store.update_tuning(cancelled, expected=record)
            except ConflictError:  # a launcher was faster: it may run now
                told += _stopped(record.name, stop)
            else:
                told.append(f"tuning job {record.name}: cancelled")
        elif not record.state.is_finished:
            told += _stopped(record.name, stop)
    return told


def _stopped(name: str, stop: Callable[[str], bool]) -> list[str]:
    try:
        return [f"tuning job {name}: asked to stop, with all of its training jobs"] if stop(name) else []
    except NotFoundError:
        return [f"tuning job {name}: SageMaker does not have it; stop again in a minute"]
