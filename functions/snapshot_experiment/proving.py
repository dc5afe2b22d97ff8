"""Shows what a repair brought: the objective beside the parent trial's, over the same steps, from the table of
metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from gridwatch.domain.trials import TrialRecord
from gridwatch.state.accepted_spec import Objective
from gridwatch.state.store import StateStore

# The last value of each of the two trials of a pair up to the last step that both have reached.
_QUERY = """
    WITH pairs AS (SELECT unnest($parents) AS parent, unnest($children) AS child),
         curve AS (SELECT trial_id, step, value FROM read_parquet($path)
                   WHERE objective AND trial_id IN (SELECT parent FROM pairs UNION SELECT child FROM pairs)),
         reached AS (SELECT trial_id, max(step) AS step FROM curve GROUP BY trial_id),
         common AS (SELECT parent, child, least(theirs.step, ours.step) AS step FROM pairs
                    JOIN reached theirs ON theirs.trial_id = parent JOIN reached ours ON ours.trial_id = child),
         theirs AS (SELECT child, arg_max(value, curve.step) AS value FROM common
                    JOIN curve ON curve.trial_id = parent AND curve.step <= common.step GROUP BY child),
         ours AS (SELECT child, arg_max(value, curve.step) AS value FROM common
                  JOIN curve ON curve.trial_id = child AND curve.step <= common.step GROUP BY child)
    SELECT child, common.step, theirs.value, ours.value
    FROM common JOIN theirs USING (child) JOIN ours USING (child)
    WHERE theirs.value IS NOT NULL AND ours.value IS NOT NULL
"""


def prove(
    store: StateStore, trials: Sequence[TrialRecord], metrics: Path, objective: Objective | None, now: datetime
) -> tuple[TrialRecord, ...]:
    """The trials, with the proof of each repair, which is recorded then. Without repairs nothing is done."""
    ids = {trial.trial_id for trial in trials}
    pairs = {trial.trial_id: trial.parent for trial in trials if trial.parent is not None and trial.parent in ids}
    if not pairs or objective is None:
        return tuple(trials)
    proofs = compared(metrics, pairs, objective)
    changes = [
        (trial, replace(trial, proof=proofs[trial.trial_id], updated_at=now))
        for trial in trials
        if proofs.get(trial.trial_id, trial.proof) != trial.proof
    ]
    # News of a job that came meanwhile keeps its proof from being recorded: the snapshot that follows it proves it.
    proven = {trial.trial_id: trial for trial in store.update_trials(changes)}
    return tuple(proven.get(trial.trial_id, trial) for trial in trials)


def compared(metrics: Path, pairs: Mapping[str, str], objective: Objective) -> Mapping[str, str]:
    """The comparison of each trial (a key) with its parent (the value) in words, at the last step that both have
    reached; a pair of which one has no value has none.
    """
    import duckdb  # noqa: PLC0415  65 MB, which only snapshots with repairs need again

    values = {"path": str(metrics), "parents": list(pairs.values()), "children": list(pairs)}
    with duckdb.connect() as connection:
        rows = connection.execute(_QUERY, values).fetchall()
    return {child: _in_words(step, theirs, ours, objective) for child, step, theirs, ours in rows}


def _in_words(step: int, theirs: float, ours: float, objective: Objective) -> str:
    verdict = _verdict(ours, theirs, maximize=objective.maximize)
    return f"{verdict}: {objective.metric} {ours:.6g} at step {step}, where its parent had {theirs:.6g}"


def _verdict(ours: float, theirs: float, *, maximize: bool) -> str:
    """Which of two values is better; a value that is not finite is worse than any number."""
    if not math.isfinite(ours) or not math.isfinite(theirs):
        return "better" if math.isfinite(ours) else "worse" if math.isfinite(theirs) else "the same"
    if math.isclose(ours, theirs, rel_tol=1e-9):
        return "the same"
    return "better" if (ours > theirs) is maximize else "worse"
