"""Against answers worked out by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from gridwatch.reports.assessment import (
    class_scores,
    confusion_matrix,
    predicted_classes,
    regression_errors,
    roc_curve,
)


def test_confusion_matrix() -> None:
    labels, predicted = np.array([0, 0, 1, 2, 2, 2.0]), np.array([0, 1, 1, 2, 2, 0])
    found = confusion_matrix(labels, predicted, 4)
    assert found.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    scores = class_scores(found)
    assert (scores[0].precision, scores[0].recall, scores[0].f1, scores[0].rows) == (0.5, 0.5, 0.5, 2)
    assert (scores[2].precision, scores[2].recall, scores[2].f1) == (1.0, pytest.approx(2 / 3), 0.8)
    assert np.isnan(scores[3].precision)
    assert np.isnan(scores[3].f1)


def test_predicted_classes() -> None:
    assert predicted_classes(np.array([0.2, 0.5, 0.9]), binary=True).tolist() == [0, 1, 1]
    assert predicted_classes(np.array([-0.2, 0.0, 3.0]), binary=True).tolist() == [0, 1, 1]  # margins
    assert predicted_classes(np.array([0.0, 2.0, 1.0]), binary=False).tolist() == [0, 2, 1]
    assert predicted_classes(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]), binary=False).tolist() == [1, 0]


def test_roc_with_equal_scores() -> None:
    found = roc_curve(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1]))
    assert found is not None
    assert found.false_positive.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert found.true_positive.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert found.area == 0.875
    assert roc_curve(np.array([True, True]), np.array([0.1, 0.2])) is None


def test_roc_is_scikit_learns() -> None:
    rng = np.random.default_rng(4)
    positive = rng.random(500) < 0.3
    scores = np.round(rng.normal(size=500) + positive, 1)
    found = roc_curve(positive, scores)
    assert found is not None
    assert found.area == pytest.approx(metrics.roc_auc_score(positive, scores))


def test_regression_is_scikit_learns() -> None:
    rng = np.random.default_rng(4)
    labels = rng.normal(size=200)
    predictions = labels + rng.normal(0.2, 0.5, 200)
    found = regression_errors(labels, predictions)
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(labels, predictions))
    assert found.mae == pytest.approx(metrics.mean_absolute_error(labels, predictions))
    assert found.r2 == pytest.approx(metrics.r2_score(labels, predictions))
    assert found.bias == pytest.approx(0.2, abs=0.1)
    assert np.isnan(regression_errors(np.ones(3), np.zeros(3)).r2)
