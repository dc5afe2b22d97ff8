"""An XGBoost training in which faults can be planted (not a test); runs in the local training environment.

Arguments: out folder, fault (none, tiny_rate, nan, overfit, deep, one_feature, imbalance).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import xgboost as xgb

from gridwatch_hook.xgboost import XGBoostHook

COLLECTIONS = ("metrics", "losses", "predictions", "labels", "feature_importance", "trees")


def main() -> None:
    out, fault = sys.argv[1:]
    random = np.random.default_rng(4)

    def rows(count: int) -> Any:
        x = random.normal(size=(count, 6))
        weights = np.array([5, 0, 0, 0, 0, 0]) if fault == "one_feature" else np.ones(6)
        odds = x @ weights + random.normal(scale=2.5, size=count)
        y = (odds > (6.0 if fault == "imbalance" else 0)).astype(int)
        if fault == "overfit":
            y = random.integers(0, 2, count)
        return xgb.DMatrix(x, label=y)

    train, validation = rows(150 if fault == "overfit" else 4000), rows(2000)
    parameters = {
        "objective": "binary:logistic", "eval_metric": "logloss", "nthread": 1, "seed": 1,
        "eta": 1e-10 if fault == "tiny_rate" else 0.1,
        "max_depth": 8 if fault in ("deep", "overfit") else 3,
    }  # fmt: skip
    every = {"CollectionParameters": {"save_interval": "1"}}
    document = {"CollectionConfigurations": [{"CollectionName": name, **every} for name in COLLECTIONS]}
    hook = XGBoostHook.create(out, document, train_data=train, validation_data=validation, hyperparameters=parameters)
    rounds = 0

    def broken(_: Any, data: Any) -> tuple[str, float]:
        nonlocal rounds
        rounds += 1
        return "custom", float("nan") if rounds > 30 else 1.0 / rounds

    extra = {"custom_metric": broken} if fault == "nan" else {}
    evals = [(train, "train"), (validation, "validation")]
    xgb.train(parameters, train, 40, evals=evals, callbacks=[hook], verbose_eval=False, **extra)
    hook.hook.close()


main()
