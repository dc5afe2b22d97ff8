"""Runs and measures a short training on a sample, for `gridwatch preflight --run`: `python short_run.py FOLDER
[losses]`.

It reads FOLDER/train.csv and FOLDER/points.json, which holds the hyperparameters of some trials, as `train.py` reads
its own. It prints one line of JSON: `rounds` holds the metrics of each trial's first round, on its own rows and on rows
held out, or the reason why it failed; with `losses`, `measured` holds the losses of the first trial. Where the data
cannot be read, the exit code is 1 and the reason is on stderr. Other code judges what the numbers mean.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from boosting import boost
from data import load_channel
from environment import Channel
from failure import UserError
from hyperparameters import Hyperparameters, parse_hyperparameters

_BATCH = 32
_LEAST_ROUNDS, _MOST_ROUNDS = 50, 200
_HELD_OUT = 5  # every fifth row is held out
# Only the objective and eta are kept; nothing else may keep the trees from fitting one small batch exactly.
_FREE = {
    "max_depth": 8, "min_child_weight": 0, "gamma": 0, "alpha": 0, "lambda": 0.001, "subsample": 1,
    "colsample_bytree": 1, "colsample_bylevel": 1, "colsample_bynode": 1, "max_delta_step": 0, "max_leaves": 0,
}  # fmt: skip


def main(folder: Path, *, losses: bool) -> int:
    points: list[dict[str, Any]] = json.loads((folder / "points.json").read_text())
    try:
        matrix = load_channel("train", Channel(folder / "train.csv", "text/csv"), csv_weights=False, nthread=None)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    said: dict[str, Any] = {"rounds": [first_round(point, matrix) for point in points], "measured": None}
    if losses and "error" not in said["rounds"][0]:
        said["measured"] = measured(parse_hyperparameters(points[0]), matrix)
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


class _Values(xgb.callback.TrainingCallback):
    """Collects the last value of each metric, by the names of the data and the metric; None for values that are not
    finite.
    """

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, float | None] = {}

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        for data, metrics in evals_log.items():
            for name, values in metrics.items():
                value = float(values[-1])
                self.values[f"{data}-{name}"] = value if np.isfinite(value) else None
        return False


def first_round(point: dict[str, Any], matrix: xgb.DMatrix) -> dict[str, Any]:
    """The metrics of one round as a job with these hyperparameters prints them, or `error` with the reason why there
    are none.
    """
    train, rest = _apart(matrix)
    kept = _Values()
    try:
        given = replace(parse_hyperparameters(point), num_round=1)
        evals = [(train, "train"), (rest, "validation")] if rest.num_row() else [(train, "train")]
        boost(given, evals, [kept], None, 0)
    except (UserError, ValueError) as error:
        return {"error": _reason(error)}
    return {"values": kept.values}


def _apart(matrix: xgb.DMatrix) -> tuple[xgb.DMatrix, xgb.DMatrix]:
    """Split the rows into those to train on and those held out."""
    rows = np.arange(matrix.num_row())
    held = rows % _HELD_OUT == _HELD_OUT - 1
    return matrix.slice(rows[~held]), matrix.slice(rows[held])


def _reason(error: Exception) -> str:
    """XGBoost's message, without the source location before it and the stack trace after it."""
    said = str(error).partition("Stack trace")[0].strip().removeprefix("XGBoost refused the training: ")
    return re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", said)


def measured(given: Hyperparameters, matrix: xgb.DMatrix) -> dict[str, Any]:
    """The losses before and after the first round, on one small batch, and on rows held out (in nats or squares)."""
    rows = np.arange(matrix.num_row())
    train, rest = _apart(matrix)
    batch = matrix.slice(np.unique(np.linspace(0, len(rows) - 1, _BATCH).astype(int)))
    rounds = min(max(given.num_round, _LEAST_ROUNDS), _MOST_ROUNDS)
    # A larger eta gets as far in fewer rounds as a long training with a small one.
    eta = min(1.0, given.params.get("eta", 0.3) * max(1.0, given.num_round / rounds))
    pace = {**given.params, "eta": eta}
    first = xgb.train(given.params, matrix, num_boost_round=1)
    return {
        "rows": len(rows),
        "before": _loss(xgb.train({**given.params, "eta": 0.0}, matrix, num_boost_round=1), matrix),
        "after": _loss(first, matrix),
        "finite": bool(np.isfinite(first.predict(matrix, output_margin=True)).all()),
        "rounds": rounds,
        "eta": eta,
        "batch_rows": batch.num_row(),
        "batch_before": _loss(xgb.train({**pace, "eta": 0.0}, batch, num_boost_round=1), batch),
        "batch_after": _loss(xgb.train({**pace, **_FREE}, batch, num_boost_round=rounds), batch),
        "held_out_rows": rest.num_row(),
        "held_out_before": _loss(xgb.train({**pace, "eta": 0.0}, train, num_boost_round=1), rest),
        "held_out_best": _best(pace, train, rest, rounds),
    }


def _best(params: dict[str, Any], train: xgb.DMatrix, rest: xgb.DMatrix, rounds: int) -> float | None:
    model = xgb.train(params, train, num_boost_round=rounds)
    ends = sorted({1, 2, 5, 10, 20, rounds})
    losses = [_loss(model, rest, end) for end in ends]
    return min((loss for loss in losses if loss is not None), default=None)


def _loss(model: xgb.Booster, matrix: xgb.DMatrix, rounds: int = 0) -> float | None:
    """Mean cross entropy of margins, or mean squared error; None when it is not finite."""
    margins = model.predict(matrix, output_margin=True, iteration_range=(0, rounds)).astype(float)
    label = matrix.get_label().astype(float)
    if margins.ndim > 1:
        top = margins.max(axis=1)
        losses = np.log(np.exp(margins - top[:, None]).sum(axis=1)) + top
        losses -= margins[np.arange(len(label)), label.astype(int)]
    elif "logistic" in json.loads(model.save_config())["learner"]["objective"]["name"]:
        losses = np.logaddexp(0.0, margins) - label * margins
    else:
        losses = (margins - label) ** 2
    loss = float(losses.mean())
    return loss if np.isfinite(loss) else None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), losses="losses" in sys.argv[2:]))
