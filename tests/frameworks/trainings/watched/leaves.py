import lightgbm as lgb
import numpy as np

r = np.random.default_rng(0)
x = r.normal(size=(500, 5))
y = (x.sum(1) > 0).astype(int)
d = lgb.Dataset(x[:400], y[:400])
v = lgb.Dataset(x[400:], y[400:], reference=d)
b = lgb.train({"objective": "binary", "verbose": -1}, d, 20, valid_sets=[d, v], valid_names=["train", "valid"])
import hashlib

print(hashlib.sha256(b.model_to_string().encode()).hexdigest())
