"""What a repair brought: the objective beside its parent's, over the same steps, from the table of metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gridwatch.state.records import TrialRecord
from gridwatch.state.store import ConflictError, StateStore

# The best finite value of each trial, up to the last step of the parent.
_QUERY = """
    WITH curve AS (SELECT trial_id, step, value FROM read_parquet($path)
                   WHERE name = $metric AND trial_id IN ($parent, $child)),
         last AS (SELECT max(step) AS step FROM curve WHERE trial_id = $parent)
    SELECT (SELECT step FROM last),
           {best}(value) FILTER (trial_id = $parent AND isfinite(value)),
           {best}(value) FILTER (trial_id = $child AND isfinite(value))
    FROM curve WHERE step <= (SELECT step FROM last)
"""


def prove(
    store: StateStore, trials: Sequence[TrialRecord], metrics: Path, objective: Mapping[str, Any], now: datetime
) -> tuple[TrialRecord, ...]:
    """The trials, repairs among them with their proof, which is on record then. Nothing is done without repairs."""
    by_id = {trial.trial_id: trial for trial in trials}
    proven = []
    for trial in trials:
        parent = by_id.get(trial.parent or "")
        proof = compared(metrics, parent.trial_id, trial.trial_id, objective) if parent else None
        known = proof is None or proof == trial.proof
        proven.append(trial if known else _recorded(store, trial, replace(trial, proof=proof, updated_at=now)))
    return tuple(proven)


def _recorded(store: StateStore, trial: TrialRecord, proven: TrialRecord) -> TrialRecord:
    try:
        store.update_trial(proven, expected=trial)
    except ConflictError:
        return trial  # news of the job came meanwhile: the snapshot that follows it proves it
    return proven


def compared(metrics: Path, parent: str, child: str, objective: Mapping[str, Any]) -> str | None:
    """In words; None when one of the two has no value at the parent's steps."""
    import duckdb  # noqa: PLC0415  65 MB, which only snapshots with repairs need again

    maximize = objective.get("direction") == "maximize"
    query = _QUERY.format(best="max" if maximize else "min")
    values = {"path": str(metrics), "metric": objective.get("metric"), "parent": parent, "child": child}
    with duckdb.connect() as connection:
        row = connection.execute(query, values).fetchone()
    if row is None or row[1] is None or row[2] is None:
        return None
    step, theirs, ours = row
    better = ours > theirs if maximize else ours < theirs
    verdict = "the same" if math.isclose(ours, theirs, rel_tol=1e-9) else "better" if better else "worse"
    return f"{verdict}: {values['metric']} {ours:.6g}, its parent {theirs:.6g} (best of the steps up to {step})"
