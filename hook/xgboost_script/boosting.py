"""Runs one training with XGBoost's own metrics and those that SageMaker's container adds."""

from __future__ import annotations

from typing import Any

import xgboost as xgb
from custom_metrics import evaluation
from failure import UserError
from hyperparameters import CUSTOM_METRICS, Hyperparameters

Evals = list[tuple[xgb.DMatrix, str]]


def boost(
    hyperparameters: Hyperparameters,
    evals: Evals,
    callbacks: list[Any],
    checkpoint: xgb.Booster | None,
    rounds_done: int,
) -> xgb.Booster:
    """Train and return the model. Raises UserError with XGBoost's reason when XGBoost refuses."""
    own = tuple(name for name in hyperparameters.eval_metrics if name in CUSTOM_METRICS)
    native = [name for name in hyperparameters.eval_metrics if name not in CUSTOM_METRICS]
    params = dict(hyperparameters.params)
    if native or own:
        # When all metrics are our own, XGBoost must not add its default one.
        params |= {"eval_metric": native} if native else {"disable_default_eval_metric": True}
    try:
        return xgb.train(
            params,
            evals[0][0],
            num_boost_round=hyperparameters.num_round - rounds_done,
            evals=evals,
            custom_metric=evaluation(own, str(params.get("objective", ""))) if own else None,
            callbacks=callbacks,
            xgb_model=checkpoint,
            verbose_eval=False,
        )
    except xgb.core.XGBoostError as error:
        raise UserError(f"XGBoost refused the training: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The message of an XGBoost error, without its stack trace."""
    return str(error).split("Stack trace")[0].strip()
