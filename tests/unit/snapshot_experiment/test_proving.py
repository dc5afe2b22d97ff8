"""A repair is compared with its parent over the parent's steps, and the digest says so."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from snapshot_experiment.proving import compared

MINIMIZE = {"metric": "validation-logloss", "direction": "minimize"}


def metrics(folder: Path, curves: dict[str, list[float]]) -> Path:
    path = folder / "metrics"
    rows = [
        f"('{trial}', 'validation-logloss', {step}, {value!r}::DOUBLE)".replace("nan::", "'nan'::")
        for trial, values in curves.items()
        for step, value in enumerate(values)
    ]
    duckdb.sql(
        f"COPY (SELECT * FROM (VALUES {', '.join(rows)}) t(trial_id, name, step, value)) TO '{path}' (FORMAT parquet)"
    )
    return path


@pytest.mark.parametrize(
    ("child", "objective", "verdict"),
    [
        ([0.6, 0.5, 0.4, 0.1], MINIMIZE, "better: validation-logloss 0.4, its parent 0.7 (best of the steps up to 2)"),
        ([0.9, 0.8, 0.8, 0.1], MINIMIZE, "worse: validation-logloss 0.8, its parent 0.7 (best of the steps up to 2)"),
        ([0.7], MINIMIZE, "the same: validation-logloss 0.7, its parent 0.7 (best of the steps up to 2)"),
        ([0.95], {**MINIMIZE, "direction": "maximize"}, "better: validation-logloss 0.95, its parent 0.9"),
    ],
)
def test_the_best_values_of_equal_steps_are_compared(
    child: list[float], objective: dict[str, str], verdict: str, tmp_path: Path
) -> None:
    path = metrics(tmp_path, {"parent": [0.7, 0.9, float("nan")], "child": child})
    assert (compared(path, "parent", "child", objective) or "").startswith(verdict)


def test_nothing_is_proven_of_what_never_had_a_value(tmp_path: Path) -> None:
    path = metrics(tmp_path, {"parent": [float("nan")], "child": [0.1]})
    assert compared(path, "parent", "child", MINIMIZE) is None
