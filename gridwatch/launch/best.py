"""The best trial of an experiment, by its spec's objective."""

from __future__ import annotations

import math

from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import StateStore


def best_trial(store: StateStore, experiment: str) -> TrialRecord | None:
    """The best completed trial whose final metric is a number; of equal ones, the first in the grid's order."""
    record = store.get_experiment(experiment)
    if record is None:
        return None
    spec = spec_of(record)
    metric, sign = spec.metric or "", -1 if spec.maximize else 1
    completed = [
        trial
        for trial in store.list_trials(experiment)
        if trial.state is TrialState.COMPLETED and math.isfinite(trial.final_metrics.get(metric, math.nan))
    ]
    return min(completed, key=lambda trial: (sign * trial.final_metrics[metric], trial.index), default=None)
