"""The report of an XGBoost training: what CreateXgboostReport shows, as one HTML document, from the training's tensors.

Needs numpy and matplotlib: import it where a report is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np

from gridwatch.reports import figures
from gridwatch.reports.assessment import (
    Counts,
    RocCurve,
    class_scores,
    confusion_matrix,
    predicted_classes,
    regression_errors,
    roc_curve,
)
from gridwatch.reports.xgboost_training import PredictedRows, Task, XgboostTraining, read_training
from gridwatch_rules.page import figure, page, paragraph, section, table
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.tensors.reader import TensorReader

_FEATURES = 20
_ROC_CLASSES = 6  # more curves than colours cannot be told apart
_MATRIX_CLASSES = 40


def create_report(reader: TensorReader, title: str) -> str:
    """The report of what was saved so far, of a finished training or a running one. Raises CorruptTensorError."""
    return render(read_training(reader), title)


def render(training: XgboostTraining, title: str) -> str:
    """The report as one HTML document."""
    about = [training.objective or f"{training.task} (by its labels and predictions)", f"{training.steps} saved rounds"]
    if training.outcome:
        about.append(f"{len(training.outcome.labels)} rows of validation data")
    return page(title, " · ".join(about), _sections(training))


def _sections(training: XgboostTraining) -> Iterator[str]:
    if training.curves:
        yield section("Learning curves", *_curves(training))
    outcome = _finite(training.outcome)
    if outcome is None:
        wanted = "The training saved no predictions with labels (collections predictions and labels)."
        yield section("Predictions", paragraph(wanted, "muted"))
    elif training.task is Task.REGRESSION:
        yield section("Residuals", *_residuals(outcome))
    elif training.task is not Task.OTHER:
        yield from _classification(outcome, training.task)
    if training.importances:
        yield section("Feature importance", *_importances(training))
    if training.hyperparameters:
        rows = [(escape(name), escape(value)) for name, value in sorted(training.hyperparameters.items())]
        yield section("Hyperparameters", table(("Name", "Value"), rows))


def _curves(training: XgboostTraining) -> Iterator[str]:
    rows = []
    for metric, series in training.curves.items():
        lasts = ", ".join(f"{data} {values[0]:.4g} to {values[-1]:.4g}" for data, (_, values) in series.items())
        caption = f"{metric} by boosting round"
        yield figure(figures.curves(series, metric, f"{caption}: {lasts}"), f"{caption}.")
        for data, (steps, values) in series.items():
            better = max if is_score(f"{data}-{metric}") else min
            best = better(range(len(values)), key=values.__getitem__)
            rows.append((escape(metric), escape(data), f"{values[-1]:.5g}", f"{values[best]:.5g}", str(steps[best])))
    yield table(("Metric", "Data", "Last", "Best", "at round"), rows, frozenset({2, 3, 4}))


def _residuals(outcome: PredictedRows) -> Iterator[str]:
    labels, predictions = outcome.labels, outcome.predictions.reshape(len(outcome.labels), -1)[:, 0]
    found = regression_errors(labels, predictions)
    alt = (
        f"Residuals of {len(labels)} rows against their predictions, and their histogram: mean {found.bias:.3g}, root "
        f"mean square {found.rmse:.3g}"
    )
    caption = f"Prediction minus label at round {outcome.step}; at most 2,000 rows are drawn, the histogram has all."
    yield figure(figures.residuals(predictions, predictions - labels, alt), caption)
    rows = [
        ("Root mean squared error", f"{found.rmse:.5g}"),
        ("Mean absolute error", f"{found.mae:.5g}"),
        ("Mean error (bias)", f"{found.bias:.5g}"),
        ("R²", f"{found.r2:.4f}"),
    ]
    yield table(("Measure", "Value"), rows, frozenset({1}))


def _classification(outcome: PredictedRows, task: Task) -> Iterator[str]:
    predicted = predicted_classes(outcome.predictions, binary=task is Task.BINARY)
    labels = outcome.labels
    if min(labels.min(), predicted.min()) < 0 or np.any(labels != np.round(labels)):
        yield section("Predictions", paragraph("The labels are no classes 0, 1, 2, …", "muted"))
        return
    classes = max(int(labels.max()), int(predicted.max())) + 1
    classes = max(classes, 2 if task is Task.BINARY else outcome.predictions.reshape(len(labels), -1).shape[1])
    counts = confusion_matrix(labels, predicted, classes)
    yield section("Confusion matrix", *_confusion(counts, outcome.step))
    curves = _roc_curves(outcome, task, counts)
    if curves:
        areas = ", ".join(f"{name}: area {curve.area:.3f}" for name, curve in curves.items())
        notes = [] if task is Task.BINARY else ["One class against the rest."]
        if len(curves) < classes and task is Task.MULTICLASS:
            notes.append(f"Of the {len(curves)} largest classes.")
        plot = figure(figures.roc(curves, f"ROC curves. {areas}"), f"ROC at round {outcome.step}. {' '.join(notes)}")
        yield section("ROC", plot)


def _confusion(counts: Counts, step: int) -> Iterator[str]:
    right = int(np.trace(counts))
    total = int(counts.sum())
    names = [str(each) for each in range(len(counts))]
    alt = f"Confusion matrix of {len(counts)} classes: {right} of {total} rows are predicted right"
    if len(counts) <= _MATRIX_CLASSES:
        caption = f"Rows of validation data at round {step}, shaded by their share of the class by label."
        yield figure(figures.matrix(counts, names, alt), caption)
    else:
        yield paragraph(f"{len(counts)} classes are too many for a picture of the matrix.", "muted")
    yield paragraph(f"{right} of {total} rows ({100 * right / total:.2f} %) are predicted right.")
    rows = [
        (name, *(_share(each) for each in (score.precision, score.recall, score.f1)), str(score.rows))
        for name, score in zip(names, class_scores(counts), strict=True)
    ]
    yield table(("Class", "Precision", "Recall", "F1", "Rows"), rows, frozenset({1, 2, 3, 4}))


def _roc_curves(outcome: PredictedRows, task: Task, counts: Counts) -> dict[str, RocCurve]:
    predictions = outcome.predictions.reshape(len(outcome.labels), -1)
    if task is Task.BINARY:
        # Of two probabilities a row, the second is that of class 1.
        curve = roc_curve(outcome.labels == 1, predictions[:, -1])
        return {"class 1": curve} if curve else {}
    if predictions.shape[1] == 1:
        return {}  # classes without their probabilities
    largest = np.argsort(-counts.sum(axis=1), kind="stable")[:_ROC_CLASSES]
    found = {f"class {each}": roc_curve(outcome.labels == each, predictions[:, each]) for each in sorted(largest)}
    return {name: curve for name, curve in found.items() if curve is not None}


def _importances(training: XgboostTraining) -> Iterator[str]:
    kinds = list(training.importances)
    main = "gain" if "gain" in kinds else kinds[0]
    ordered = sorted(training.importances[main].items(), key=lambda each: -each[1])
    top = ordered[:_FEATURES]
    names = ", ".join(f"{name} {value:.3g}" for name, value in top[:3])
    alt = f"Importance of features by {main}, the highest first: {names}"
    rest = f", the {len(top)} highest of {len(ordered)}" if len(ordered) > len(top) else ""
    yield figure(figures.bars(top, f"importance by {main}", alt), f"Importance by {main}, as saved{rest}.")
    rows = [(escape(name), *(f"{training.importances[kind].get(name, 0.0):.4f}" for kind in kinds)) for name, _ in top]
    yield table(("Feature", *kinds), rows, frozenset(range(1, len(kinds) + 1)))


def _finite(outcome: PredictedRows | None) -> PredictedRows | None:
    """The rows whose label and predictions are all finite; None when there are none."""
    if outcome is None or not len(outcome.labels):
        return None
    predictions = outcome.predictions.reshape(len(outcome.labels), -1)
    kept = np.isfinite(outcome.labels) & np.isfinite(predictions).all(axis=1)
    return PredictedRows(outcome.step, outcome.labels[kept], outcome.predictions[kept]) if kept.any() else None


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
