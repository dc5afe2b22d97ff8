"""Small XGBoost trainings under a hook, as the jobs on stdin say: run by the environment that has XGBoost."""

import json
import sys

import numpy as np
import xgboost as xgb

from gridwatch_hook.xgboost import XGBoostHook


def train(folder: str, point: dict, document: dict, *, validated: bool) -> None:
    numbers = np.random.default_rng(7)
    features = numbers.normal(size=(600, 5))
    labels = (features[:, 0] + features[:, 1] > 0).astype(float)
    groups = {"group": [200, 200, 200]} if point["objective"].startswith("rank") else {}
    data = xgb.DMatrix(features, labels, **groups)
    evals = [(data, "train"), (data, "validation")] if validated else [(data, "train")]
    hook = XGBoostHook.create(
        folder, document, train_data=data, validation_data=data if validated else None, hyperparameters=point
    )
    params = {key: value for key, value in point.items() if key != "num_round"}
    if "eval_metric" in point:
        params["eval_metric"] = point["eval_metric"].split(",")
    xgb.train(params, data, point["num_round"], evals=evals, callbacks=[hook], verbose_eval=False)
    hook.close()


for job in json.load(sys.stdin):
    train(**job)
