"""Trains each row that it reads for three rounds, as Gridwatch's training script does, and prints what came of it.

Runs in .venvs/xgboost alone, one process for all rows: `python xgboost_rounds.py < rows.json`, the training script's
folder on the path. A row is `{"given": hyperparameters, "labels": the name of some or a list}`; an answer is
`{"error": text}` or `{"values": {metric: one a round}, "splits": whether any tree has one, "elsewhere": {metric: the
value on the rows in another order}}`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import xgboost as xgb
from boosting import boost
from hyperparameters import parse_hyperparameters

ROWS, COLUMNS, ROUNDS = 60, 4, 3

_RANDOM = np.random.default_rng(1)
FEATURES = _RANDOM.normal(size=(ROWS, COLUMNS)).astype(np.float32)
_SHARES = _RANDOM.uniform(0.01, 0.99, ROWS)
_SHARES[:3] = (0.0, 1.0, 1.0)
LABELS = {
    "binary": _RANDOM.integers(0, 2, ROWS),
    "classes": np.arange(ROWS) % 3,
    "shares": _SHARES,
    "positive": _RANDOM.uniform(1.5, 5.0, ROWS),
    "numbers": _RANDOM.normal(size=ROWS) * 3 + 20,
    "counts": _RANDOM.integers(0, 9, ROWS),
    "ranks": _RANDOM.integers(0, 5, ROWS),
    "times": _RANDOM.uniform(0.5, 9.0, ROWS) * np.where(np.arange(ROWS) % 4, 1, -1),
}


class Kept(xgb.callback.TrainingCallback):
    """The values of every round, by metric."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[float]] = {}

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self.values = {name: [float(value) for value in values] for name, values in evals_log["train"].items()}
        return False


def outcome(row: dict[str, Any]) -> dict[str, Any]:
    labels = LABELS[row["labels"]] if isinstance(row["labels"], str) else np.asarray(row["labels"], dtype=np.float64)
    kept = Kept()
    try:
        given = parse_hyperparameters({"num_round": ROUNDS, "nthread": 1, "verbosity": 0} | row["given"])
        matrix = xgb.DMatrix(FEATURES, label=labels, nthread=1)
        model = boost(given, [(matrix, "train")], [kept], None, 0)
    except Exception as error:  # noqa: BLE001  (whatever ends a training is an answer)
        return {"error": f"{type(error).__name__}: {error}".partition("Stack trace")[0].strip()[:300]}
    linear = given.params.get("booster") == "gblinear"
    return {
        "values": kept.values,
        "splits": linear or any("[" in tree for tree in model.get_dump()),
        "elsewhere": _elsewhere(model, labels) if row.get("elsewhere") else {},
    }


def _elsewhere(model: Any, labels: Any) -> dict[str, float]:
    """The values of XGBoost's own metrics on the rows in another order."""
    order = np.arange(ROWS)[::-1]
    matrix = xgb.DMatrix(FEATURES[order], label=labels[order], nthread=1)
    told = model.eval_set([(matrix, "train")], 0).split("\t")[1:]
    return {name.removeprefix("train-"): float(value) for name, _, value in (each.rpartition(":") for each in told)}


if __name__ == "__main__":
    xgb.set_config(verbosity=0)
    sys.stdout.write(json.dumps([outcome(row) for row in json.load(sys.stdin)]))
