"""An XGBoost training whose rounds are timed: a profile below a folder (argument 1), with the hook from a path (2)."""

import sys

sys.path.insert(0, sys.argv[2])

import numpy as np
import xgboost as xgb

from gridwatch_hook.profiler import Profiler
from gridwatch_hook.profiler.xgboost import RoundTimer

random = np.random.default_rng(40)
with Profiler.create(sys.argv[1]) as profiler:
    data = profiler.loading(lambda: xgb.DMatrix(random.normal(size=(500, 4)), random.integers(0, 2, 500)))
    xgb.train({"max_depth": 2}, data, 10, callbacks=[RoundTimer(profiler, first_round=5)], verbose_eval=False)
