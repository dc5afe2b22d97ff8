import hashlib

import numpy as np
import xgboost as xgb

r = np.random.default_rng(0)
x = r.normal(size=(500, 5))
y = (x.sum(1) > 0).astype(int)
d = xgb.DMatrix(x[:400], y[:400])
v = xgb.DMatrix(x[400:], y[400:])
b = xgb.train(
    {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"]},
    d,
    30,
    evals=[(d, "train"), (v, "validation")],
    verbose_eval=False,
)
c = xgb.XGBClassifier(n_estimators=10, eval_metric="error").fit(x, y, eval_set=[(x, y)], verbose=False)
xgb.cv({"objective": "binary:logistic"}, d, 5)
print(hashlib.sha256(b.save_raw()).hexdigest())
