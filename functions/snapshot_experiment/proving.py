"""Shows what a repair brought: the objective beside the parent trial's, over the same steps, from the table of
metrics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from gridwatch.domain.trials import TrialRecord
from gridwatch.state.accepted_spec import Objective
from gridwatch.state.store import ConflictError, StateStore

# Of each trial the last value up to the last step that both have reached.
_QUERY = """
    WITH curve AS (SELECT trial_id, step, value FROM read_parquet($path)
                   WHERE objective AND trial_id IN ($parent, $child)),
         reached AS (SELECT trial_id, max(step) AS step FROM curve GROUP BY trial_id),
         common AS (SELECT min(step) AS step FROM reached)
    SELECT (SELECT step FROM common),
           arg_max(value, step) FILTER (trial_id = $parent),
           arg_max(value, step) FILTER (trial_id = $child)
    FROM curve WHERE step <= (SELECT step FROM common)
"""


def prove(
    store: StateStore, trials: Sequence[TrialRecord], metrics: Path, objective: Objective | None, now: datetime
) -> tuple[TrialRecord, ...]:
    """The trials, with the proof of each repair, which is recorded then. Without repairs nothing is done."""
    by_id = {trial.trial_id: trial for trial in trials}
    proven = []
    for trial in trials:
        parent = by_id.get(trial.parent or "")
        proof = compared(metrics, parent.trial_id, trial.trial_id, objective) if parent and objective else None
        known = proof is None or proof == trial.proof
        proven.append(trial if known else _recorded(store, trial, replace(trial, proof=proof, updated_at=now)))
    return tuple(proven)


def _recorded(store: StateStore, trial: TrialRecord, proven: TrialRecord) -> TrialRecord:
    try:
        store.update_trial(proven, expected=trial)
    except ConflictError:
        return trial  # news of the job came meanwhile: the snapshot that follows it proves it
    return proven


def compared(metrics: Path, parent: str, child: str, objective: Objective) -> str | None:
    """The comparison in words, at the last step that both have reached; None when one of the two has no value."""
    import duckdb  # noqa: PLC0415  65 MB, which only snapshots with repairs need again

    values = {"path": str(metrics), "parent": parent, "child": child}
    with duckdb.connect() as connection:
        row = connection.execute(_QUERY, values).fetchone()
    if row is None or row[1] is None or row[2] is None:
        return None
    step, theirs, ours = row
    verdict = _verdict(ours, theirs, maximize=objective.maximize)
    return f"{verdict}: {objective.metric} {ours:.6g} at step {step}, where its parent had {theirs:.6g}"


def _verdict(ours: float, theirs: float, *, maximize: bool) -> str:
    """Which of two values is better; a value that is not finite is worse than any number."""
    if not math.isfinite(ours) or not math.isfinite(theirs):
        return "better" if math.isfinite(ours) else "worse" if math.isfinite(theirs) else "the same"
    if math.isclose(ours, theirs, rel_tol=1e-9):
        return "the same"
    return "better" if (ours > theirs) is maximize else "worse"
