"""Hyperparameters that do not go together, as XGBoost 3.2 and SageMaker's container have it.

Each clash is a row: which hyperparameters it is about, and in which settings of them it holds.
tests/contract/test_xgboost_table.py trains with products of their values and finds each clash, and no other.
Sources: what XGBoost 3.2.0 says when it fails; for `Effect.CONTAINER` algorithm_mode/hyperparameter_validation.py of
aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.xgboost import growing
from gridwatch.spec.xgboost.metrics import family, metric_of
from gridwatch.spec.xgboost.numbers import finite, single
from gridwatch.spec.xgboost.objectives import Predicts, objective_of
from gridwatch.spec.xgboost.outcomes import Effect
from gridwatch.spec.xgboost.settings import Clash, Found, Setting, metrics_of

_ONLY_CLASS_1 = ("f1_binary", "precision", "recall")


def clashes(setting: Setting) -> Iterator[Found]:
    """Every clash in a trial's hyperparameters."""
    for clash in CLASHES:
        yield from clash.look(setting)


def _classes(setting: Setting) -> Iterator[Found]:
    name, objective = objective_of(setting)
    if objective is None:
        return
    number = finite(setting.get("num_class", 0))
    if objective.predicts is Predicts.CLASSES:
        if "num_class" not in setting:
            message, advice = "num_class is missing", "multi: objectives need it"
            yield Found("objective", message, Effect.FAILS, advice=advice)
    elif number is not None and number > 1:
        message = f"num_class belongs to the objectives multi:softmax and multi:softprob, not to {name}"
        yield Found("num_class", message, Effect.FAILS, advice="leave it out")


def _labels(setting: Setting) -> Iterator[Found]:
    name, objective = objective_of(setting)
    if objective is not None and objective.predicts is Predicts.NOTHING:
        message = f"{name} needs a lower and an upper bound of each label, which no format of a channel can carry"
        advice = "survival:cox takes one label, or train a script of your own (framework: xgboost)"
        yield Found("objective", message, Effect.FAILS, advice=advice)


def _base_score(setting: Setting) -> Iterator[Found]:
    name, objective = objective_of(setting)
    score = _as_read(setting, "base_score")
    outcome = objective.base_score_outcome(score) if objective is not None and score is not None else None
    if objective is not None and outcome is not None:
        message = f"{name} cannot begin with this base_score: {outcome}"
        yield Found("base_score", message, outcome, allowed=objective.base_score.allowed)


def _quantile(setting: Setting) -> Iterator[Found]:
    name, _ = objective_of(setting)
    asks = name if name == "reg:quantileerror" else "quantile" if "quantile" in metrics_of(setting) else None
    if asks is not None and "quantile_alpha" not in setting:
        blame = "objective" if asks == name else "eval_metric"
        advice = "say which quantile, such as quantile_alpha: 0.5"
        yield Found(blame, f"{asks} needs quantile_alpha, which is missing", Effect.FAILS, advice=advice)
    elif name == "reg:quantileerror" and "base_score" not in setting and _as_read(setting, "quantile_alpha") == 1:
        message = f"{name} begins at the largest label, from which the quantile 1 leads nowhere: {Effect.CONSTANT}"
        yield Found("quantile_alpha", message, Effect.CONSTANT, allowed="above 0 and below 1")


def _as_read(setting: Setting, name: str) -> float | None:
    """The number as XGBoost reads it: 0.99999999 is 1."""
    number = finite(setting.get(name))
    return None if number is None else single(number)


def _metrics(setting: Setting) -> Iterator[Found]:
    """The clashes of requested metrics; a metric that an objective reports by itself always fits."""
    name, objective = objective_of(setting)
    if objective is None or "eval_metric" not in setting:
        return
    for given in metrics_of(setting):
        metric = metric_of(given)
        outcome = metric.outcome(objective.predicts) if metric else None
        if name == "multi:softmax" and given in ("mse", "r2"):
            outcome = Effect.DOUBTFUL  # of the classes' numbers
        if given in _ONLY_CLASS_1 and outcome is Effect.CONTAINER and finite(setting.get("num_class")) == 2:
            outcome = None
        if outcome is not None:
            yield Found("eval_metric", f"{given} does not fit the objective {name}: {outcome}", outcome,
                        advice=_instead(family(given), objective.predicts))  # fmt: skip


def _instead(metric: str, predicts: Predicts) -> str | None:
    if metric in ("aft-nloglik", "interval-regression-accuracy"):
        return "labels with a lower and an upper bound cannot be given in a channel"
    if predicts is Predicts.CLASSES:
        return (
            "merror, mlogloss and auc compare classes"
            if metric not in _ONLY_CLASS_1
            else f"use {metric.removesuffix('_binary')}_macro"
        )
    if metric in ("merror", "mlogloss"):
        return "error and logloss are for two classes; these need a multi: objective"
    return "auc is for classes and ranks" if metric in ("auc", "aucpr") else None


CLASHES = (
    Clash(("num_class", "objective"), _classes),
    Clash(("objective",), _labels),
    Clash(("base_score", "objective"), _base_score),
    Clash(("quantile_alpha", "objective", "eval_metric", "base_score"), _quantile),
    Clash(("eval_metric", "objective", "num_class"), _metrics),
    *growing.CLASHES,
)
