"""Trials as they stand now, from Gridwatch's records, which are newer than any snapshot."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch.cli.context import Cloud
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import CurrentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.accepted_spec import spec_of

Row = Mapping[str, Any]
_UNKNOWN: Row = {"cost": None, "cost_currency": None, "complete": False, "as_of": None}


def last_value(trial: TrialRecord, metric: str | None, current: CurrentRecord | None) -> float | None:
    """The objective of a trial: SageMaker's final value for a job that is over, else the last value of its curve."""
    final = trial.final_metrics.get(metric) if metric else None
    if final is not None and (trial.state.is_finished or current is None):
        return final
    return current.value if current else None


def with_current(cloud: Cloud, experiment: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The leaderboard's rows with the trials' values and ranks as of now; trials that no snapshot has are added. It
    takes two queries, however many trials there are.
    """
    record = cloud.store.get_experiment(experiment)
    if record is None:
        return [dict(row) for row in rows]
    current = {each.job_name: each for each in cloud.store.list_current(experiment)}
    known = {row["trial_id"]: row for row in rows}
    over = {name for name, row in known.items() if TrialState(row["state"]).is_finished}
    found = [
        dict(known[trial.trial_id])
        if trial.trial_id in over
        else {**_UNKNOWN, **known.get(trial.trial_id, {}), **_row(record, trial, current.get(trial.job_name))}
        for trial in cloud.store.list_trials(experiment)
    ]
    return _placed(found, maximize=spec_of(record).maximize)


def _row(record: ExperimentRecord, trial: TrialRecord, current: CurrentRecord | None) -> dict[str, Any]:
    metric = spec_of(record).metric
    seconds = (trial.ended_at - trial.started_at).total_seconds() if trial.started_at and trial.ended_at else None
    value, best = last_value(trial, metric, current), current.best if current else None
    return {
        "place": 0,
        "experiment": record.name,
        "grid_index": trial.index,
        "trial_id": trial.trial_id,
        "job_name": trial.job_name,
        "state": trial.state.value,
        "objective_metric": metric,
        "objective_value": value,
        "objective_best": best,
        "algorithm": trial.algorithm,
        "hyperparameters": trial.hyperparameters,
        "training_seconds": seconds,
        "billable_seconds": trial.billable_seconds,
    }


def _placed(rows: Sequence[dict[str, Any]], *, maximize: bool) -> list[dict[str, Any]]:
    """The rows with their places, as SQL's rank() counts: equal values share a place; those without a value share the
    last.
    """
    values = [_order(row["objective_value"], maximize=maximize) for row in rows]
    better = sorted(values)
    for row, value in zip(rows, values, strict=True):
        row["place"] = 1 + bisect_left(better, value)
    return sorted(rows, key=lambda row: (row["place"], row["grid_index"]))


def _order(value: float | None, *, maximize: bool) -> float:
    if value is None or math.isnan(value):
        return math.inf
    return -value if maximize else value
