"""Scores of how well predictions fit labels: numbers and curves, from arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RocCurve:
    """False and true positive rates, shape (points,), from (0, 0) to (1, 1), and the area under them."""

    false_positive: Array
    true_positive: Array
    area: float


@dataclass(frozen=True, slots=True)
class ClassScore:
    """The scores of one class: shares between 0 and 1; NaN where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of a regression, in the label's unit; `r2` is 1 - residual sum of squares / total sum of squares."""

    rmse: float
    mae: float
    bias: float  # mean of prediction - label
    r2: float


def predicted_classes(predictions: Array, *, binary: bool) -> Counts:
    """The predicted classes, shape (rows,): the likeliest of each row; with two classes, 1 from a probability of 0.5
    on, or from a margin of 0 on (binary:logitraw); otherwise the class that was predicted.
    """
    if predictions.ndim == 2 and predictions.shape[1] > 1:
        return np.asarray(np.argmax(predictions, axis=1), dtype=np.int64)
    flat = predictions.reshape(-1)
    if not binary:
        return np.round(flat).astype(np.int64)
    are_probabilities = bool(flat.size and flat.min() >= 0.0 and flat.max() <= 1.0)
    return (flat >= (0.5 if are_probabilities else 0.0)).astype(np.int64)


def confusion_matrix(labels: Array, predicted: Counts, classes: int) -> Counts:
    """Counts, shape (classes, classes): row is the label, column the prediction."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def class_scores(matrix: Counts) -> list[ClassScore]:
    """The scores of each class, from a confusion matrix."""
    right = np.diag(matrix).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = right / matrix.sum(axis=0)
        recall = right / matrix.sum(axis=1)
        f1 = 2 * right / (matrix.sum(axis=0) + matrix.sum(axis=1))
    rows = matrix.sum(axis=1)
    return [
        ClassScore(float(precision[each]), float(recall[each]), float(f1[each]), int(rows[each]))
        for each in range(len(matrix))
    ]


def roc_curve(positive: NDArray[np.bool_], scores: Array) -> RocCurve | None:
    """One point for each different score (Fawcett, "An introduction to ROC analysis", 2006, algorithm 2); None when
    one of the two kinds is missing.
    """
    total, others = int(positive.sum()), int((~positive).sum())
    if not total or not others:
        return None
    order = np.argsort(-scores, kind="stable")
    last_of_score = np.append(np.diff(scores[order]) != 0, True)
    true = np.cumsum(positive[order])[last_of_score] / total
    false = np.cumsum(~positive[order])[last_of_score] / others
    x, y = np.insert(false, 0, 0.0), np.insert(true, 0, 0.0)
    return RocCurve(x, y, float(np.trapezoid(y, x)))


def regression_errors(labels: Array, predictions: Array) -> Errors:
    """The errors of a regression; labels and predictions are both of shape (rows,)."""
    residuals = predictions - labels
    spread = float(((labels - labels.mean()) ** 2).sum())
    squares = float((residuals**2).sum())
    return Errors(
        rmse=float(np.sqrt((residuals**2).mean())),
        mae=float(np.abs(residuals).mean()),
        bias=float(residuals.mean()),
        r2=1 - squares / spread if spread else float("nan"),
    )
