"""One XGBoost training watched by smdebug's hook (into argument 1) and by ours (into argument 2), saving the same."""

from __future__ import annotations

import json
import sys

import numpy as np
import xgboost as xgb
from smdebug.xgboost import Hook, SaveConfig

from gridwatch_hook.xgboost import XGBoostHook

COLLECTIONS = ["metrics", "predictions", "labels", "feature_importance", "average_shap", "trees", "hyperparameters"]


def main() -> None:
    random = np.random.default_rng(2)
    points = random.normal(size=(150, 3))
    data = xgb.DMatrix(points, label=points[:, 0] + points[:, 1] ** 2 > 0.5)
    params = {"objective": "binary:logistic", "eval_metric": ["error", "logloss"], "max_depth": 4, "eta": 0.4}
    given = {"train_data": data, "validation_data": data, "hyperparameters": params}
    theirs = Hook(sys.argv[1], save_config=SaveConfig(save_interval=2), include_collections=COLLECTIONS, **given)
    listed = [{"CollectionName": name, "CollectionParameters": {"save_interval": "2"}} for name in COLLECTIONS]
    ours = XGBoostHook.create(sys.argv[2], {"CollectionConfigurations": listed}, **given)
    xgb.train(
        params, data, 9, evals=[(data, "train"), (data, "validation")], callbacks=[theirs, ours], verbose_eval=False
    )
    theirs.close()
    ours.hook.close()
    sys.stdout.write("ANSWER " + json.dumps({"problems": ours.hook.report.problems}) + "\n")


main()
