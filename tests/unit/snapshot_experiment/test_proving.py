"""A repair is compared with its parent over the parent's steps, and the digest says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from gridwatch.state.accepted_spec import Objective
from snapshot_experiment.proving import compared

NAN = float("nan")
MINIMIZE = Objective(metric="validation-logloss", direction="minimize")


def metrics(folder: Path, curves: dict[str, list[float]]) -> Path:
    path = folder / "metrics"
    rows = [
        f"('{trial}', 'validation-logloss', {step}, {value!r}::DOUBLE)".replace("nan::", "'nan'::")
        for trial, values in curves.items()
        for step, value in enumerate(values)
    ]
    duckdb.sql(
        f"COPY (SELECT *, true AS objective FROM (VALUES {', '.join(rows)}) t(trial_id, name, step, value)) "
        f"TO '{path}' (FORMAT parquet)"
    )
    return path


@pytest.mark.parametrize(
    ("parent", "child", "objective", "proof"),
    [
        ([0.7, 0.9], [0.6, 0.5, 0.1], MINIMIZE, "better: validation-logloss 0.5 at step 1, where its parent had 0.9"),
        ([0.7, 0.4], [0.6, 0.5, 0.1], MINIMIZE, "worse: validation-logloss 0.5 at step 1, where its parent had 0.4"),
        ([0.7, 0.9], [0.7], MINIMIZE, "the same: validation-logloss 0.7 at step 0, where its parent had 0.7"),
        ([0.7, 0.9], [0.8, 0.95], replace(MINIMIZE, direction="maximize"), "better"),
        ([0.7, NAN], [0.8, 9.0], MINIMIZE, "better"),
        ([0.7, 0.9], [0.1, NAN], MINIMIZE, "worse"),
    ],
)
def test_the_values_of_equal_steps_are_compared(
    parent: list[float], child: list[float], objective: dict[str, str], proof: str, tmp_path: Path
) -> None:
    path = metrics(tmp_path, {"parent": parent, "child": child})
    assert compared(path, {"child": "parent"}, objective)["child"].startswith(proof)


def test_nothing_is_proven_of_what_never_had_a_value(tmp_path: Path) -> None:
    assert compared(metrics(tmp_path, {"parent": [0.1]}), {"child": "parent"}, MINIMIZE) == {}


def test_repairs_are_compared_each_with_its_own_parent(tmp_path: Path) -> None:
    curves = {"p1": [0.7, 0.9, 0.2], "c1": [0.6, 0.5], "p2": [0.3], "c2": [0.4, 0.1], "c3": [0.2, 0.1]}
    proofs = compared(metrics(tmp_path, curves), {"c1": "p1", "c2": "p2", "c3": "p2", "c4": "p1"}, MINIMIZE)
    assert proofs == {
        "c1": "better: validation-logloss 0.5 at step 1, where its parent had 0.9",
        "c2": "worse: validation-logloss 0.4 at step 0, where its parent had 0.3",
        "c3": "better: validation-logloss 0.2 at step 0, where its parent had 0.3",
    }
