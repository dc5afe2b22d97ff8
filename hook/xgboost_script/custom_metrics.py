"""Computes the evaluation metrics that SageMaker's container adds to XGBoost's, under the container's names.

The formulas are scikit-learn's, with which the container defines them
(sagemaker_xgboost_container/metrics/custom_metrics.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

Values = NDArray[np.float64]
Metric = Callable[[Values, Values], float]  # (labels, predicted classes or values)


def evaluation(names: tuple[str, ...], objective: str) -> Callable[[Any, xgb.DMatrix], list[tuple[str, float]]]:
    """The function for XGBoost's `custom_metric` that computes each of `names` on the predictions after the objective's
    link.
    """

    def evaluate(predictions: Any, data: xgb.DMatrix) -> list[tuple[str, float]]:
        labels = data.get_label().astype(np.float64)
        values = np.asarray(predictions, dtype=np.float64)
        classes = _classes(values, objective)
        return [
            (name, float(_REGRESSION[name](labels, values) if name in _REGRESSION else _CLASSES[name](labels, classes)))
            for name in names
        ]

    return evaluate


def _classes(predictions: Values, objective: str) -> Values:
    if predictions.ndim > 1:
        return predictions.argmax(axis=1).astype(np.float64)
    if objective.startswith("multi:"):
        return np.rint(predictions)
    threshold = 0.0 if objective == "binary:logitraw" else 0.5
    return (predictions > threshold).astype(np.float64)


def _mse(labels: Values, values: Values) -> float:
    return float(np.mean((labels - values) ** 2))


def _r2(labels: Values, values: Values) -> float:
    spread = float(np.sum((labels - labels.mean()) ** 2))
    rest = float(np.sum((labels - values) ** 2))
    return 1.0 - rest / spread if spread else float(rest == 0.0)


def _counts(labels: Values, classes: Values) -> tuple[Values, Values, Values]:
    """Count, for each class that occurs, the correct predictions, all predictions, and the rows of the class."""
    occurring = np.union1d(labels, classes)
    right = np.array([np.sum((labels == item) & (classes == item)) for item in occurring], dtype=np.float64)
    predicted = np.array([np.sum(classes == item) for item in occurring], dtype=np.float64)
    present = np.array([np.sum(labels == item) for item in occurring], dtype=np.float64)
    return right, predicted, present


def _ratio(part: Values, whole: Values) -> Values:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _accuracy(labels: Values, classes: Values) -> float:
    return float(np.mean(labels == classes))


def _balanced_accuracy(labels: Values, classes: Values) -> float:
    right, _, present = _counts(labels, classes)
    return float(np.mean((right / np.where(present > 0, present, 1))[present > 0]))


def _positive(position: int) -> Metric:
    """The metric of class 1 at a position: precision (0), recall (1) or F1 (2)."""

    def metric(labels: Values, classes: Values) -> float:
        right = float(np.sum((labels == 1) & (classes == 1)))
        predicted, present = float(np.sum(classes == 1)), float(np.sum(labels == 1))
        whole = (predicted, present, (predicted + present) / 2)[position]
        return right / whole if whole else 0.0

    return metric


def _macro(position: int) -> Metric:
    """The metric at a position as its unweighted mean over classes."""

    def metric(labels: Values, classes: Values) -> float:
        right, predicted, present = _counts(labels, classes)
        return float(np.mean(_ratio(right, (predicted, present, (predicted + present) / 2)[position])))

    return metric


_REGRESSION: dict[str, Metric] = {"mse": _mse, "r2": _r2}
_CLASSES: dict[str, Metric] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _positive(0),
    "recall": _positive(1),
    "f1": _macro(2),  # the container's f1 is the macro one
    "f1_binary": _positive(2),
    "f1_macro": _macro(2),
    "precision_macro": _macro(0),
    "recall_macro": _macro(1),
    "precision_micro": _accuracy,  # each row has one class, so micro averages are the accuracy
    "recall_micro": _accuracy,
}
