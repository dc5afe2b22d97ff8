"""Watches the two kinds of estimators of scikit-learn that keep a curve: multilayer perceptrons by epoch as they train,
gradient boosting by stage once it is done. Nothing is seen of others.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import after
from gridwatch_hook.watch.reported import report_next
from gridwatch_hook.watch.session import session

BY = "sklearn"


def install(module: ModuleType) -> None:
    """Watch the module's estimators."""
    perceptron = getattr(module, "BaseMultilayerPerceptron", None)
    if perceptron is not None:
        after(perceptron, "_update_no_improvement_count", _epoch, "an epoch")
    boosting = getattr(module, "BaseGradientBoosting", None)
    if boosting is not None:
        after(boosting, "fit", _fitted, "a fit")


def _epoch(_: Any, estimator: Any, *__: Any, **___: Any) -> None:
    values = {"loss": estimator.loss_curve_[-1]}
    scores = getattr(estimator, "validation_scores_", None)
    if scores:
        values["validation_score"] = scores[-1]
    report_next(session(), values)
    session().step_ended(BY, "any")


def _fitted(_: Any, estimator: Any, *__: Any, **___: Any) -> None:
    for loss in estimator.train_score_:
        report_next(session(), {"loss": float(loss)})
        session().step_ended(BY, "any")
