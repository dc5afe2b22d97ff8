import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neural_network import MLPClassifier

r = np.random.default_rng(0)
x = r.normal(size=(200, 5))
y = (x.sum(1) > 0).astype(int)
MLPClassifier(max_iter=10).fit(x, y)
GradientBoostingClassifier(n_estimators=8).fit(x, y)
