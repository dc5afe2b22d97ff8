"""Makes the grids of benchmarks/curves/, except digits and breast_cancer: `python -m benchmarks._judgement_grids FOLDER
[NAME ...]`.

Each is written as FOLDER/NAME.json.gz in the form that `gridwatch backtest --curves` reads. Data come with
scikit-learn or are drawn; seconds are measured, all else is seeded. They differ in model, task, metric, length of the
curves (15 to 300), noise and size. The grids of XGBoost are left out where it is not installed beside scikit-learn; no
environment of `make` holds both.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

Array = NDArray[Any]
Data = tuple[Array, Array, Array, Array]
Report = tuple[float, float, float | None]  # train loss, validation loss, accuracy
Trial = dict[str, Any]


def _split(x: Array, y: Array, share: float = 0.3) -> Data:
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, test_size=share, random_state=0)
    scaler = StandardScaler().fit(x_train)
    return scaler.transform(x_train), scaler.transform(x_valid), y_train, y_valid


def _bundled(name: str) -> Data:
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return _split(x, y)


def _product(**factors: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*factors.values()):
        yield dict(zip(factors, values, strict=True))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def _trial(config: Mapping[str, Any], reports: Callable[[], Iterator[Report]], length: int) -> Trial:
    """Run one configuration; once a diverging model refuses to go on, its curve is padded with values that are not
    finite.
    """
    began = time.perf_counter()
    rows: list[tuple[float | None, ...]] = []
    try:
        rows.extend(tuple(map(_finite, report)) for report in itertools.islice(reports(), length))
    except ValueError as error:
        if "finite" not in str(error) and "infinity" not in str(error):
            raise
        rows.append((None, None, None))
    took = (time.perf_counter() - began) * length / max(len(rows), 1)
    rows += [(None, None, None)] * (length - len(rows))
    train, valid, accuracy = (list(column) for column in zip(*rows, strict=True))
    made: Trial = {"config": dict(config), "train_loss": train, "validation_loss": valid, "seconds": round(took, 5)}
    if any(value is not None for value in accuracy):
        made["accuracy"] = accuracy
    return made


def _regression(data: Data, config: Mapping[str, Any], length: int, seed: int) -> Trial:
    x, x_valid, y, y_valid = data

    def reports() -> Iterator[Report]:
        model = MLPRegressor(
            hidden_layer_sizes=config["hid"], activation=config["act"], solver=config["solver"],
            learning_rate_init=config["lr"], batch_size=config["bs"], alpha=config["alpha"], random_state=seed,
        )  # fmt: skip
        while True:
            model.partial_fit(x, y)
            yield float(model.loss_), float(np.mean((model.predict(x_valid) - y_valid) ** 2)), None

    return _trial(config, reports, length)


def mlp_diabetes() -> list[Trial]:
    """Regression by small networks, 80 epochs, mean squared error."""
    x, xv, y, yv = _bundled("diabetes")
    data = (x, xv, (y - y.mean()) / y.std(), (yv - y.mean()) / y.std())
    grid = _product(
        lr=(1e-4, 1e-3, 1e-2, 1e-1, 1.0), bs=(16, 64), hid=((16,), (64, 64)), act=("relu", "tanh"),
        alpha=(1e-5, 1e-1), solver=("sgd", "adam"),
    )  # fmt: skip
    return [_regression(data, config, 80, number) for number, config in enumerate(grid)]


def mlp_friedman() -> list[Trial]:
    """Regression on Friedman's first function, 30 epochs."""
    x, y = datasets.make_friedman1(800, noise=1.0, random_state=1)
    x, xv, y, yv = _split(x, y)
    data = (x, xv, (y - y.mean()) / y.std(), (yv - y.mean()) / y.std())
    grid = _product(
        lr=tuple(np.geomspace(1e-4, 1.0, 9).round(6).tolist()), bs=(8, 32, 128), hid=((32,), (32, 32)),
        act=("relu", "logistic"), alpha=(1e-4,), solver=("sgd", "adam"),
    )  # fmt: skip
    return [_regression(data, config, 30, number) for number, config in enumerate(grid)]


def mlp_wine() -> list[Trial]:
    """Few configurations of few epochs: 60 of 15."""
    x, xv, y, yv = _bundled("wine")
    classes = np.unique(y)
    made = []
    grid = _product(lr=(1e-3, 3e-3, 1e-2, 3e-2, 0.3), bs=(8, 32), hid=((8,), (32,), (32, 32)), solver=("sgd", "adam"))
    for number, config in enumerate(grid):

        def reports(config: Mapping[str, Any] = config, seed: int = number) -> Iterator[Report]:
            model = MLPClassifier(
                hidden_layer_sizes=config["hid"], solver=config["solver"], learning_rate_init=config["lr"],
                batch_size=config["bs"], random_state=seed,
            )  # fmt: skip
            while True:
                model.partial_fit(x, y, classes=classes)
                yield float(model.loss_), _log_loss(yv, model.predict_proba(xv), classes), model.score(xv, yv)

        made.append(_trial(config, reports, 15))
    return made


def _log_loss(y: Array, probabilities: Array, classes: Array) -> float:
    return float(log_loss(y, probabilities, labels=classes)) if np.isfinite(probabilities).all() else math.nan


def sgd_noisy() -> list[Trial]:
    """Logistic regression by plain stochastic gradients on hard data: noisy curves of 60 epochs."""
    x, y = datasets.make_classification(
        900, 30, n_informative=8, n_redundant=5, n_classes=3, flip_y=0.15, class_sep=0.7, random_state=3
    )
    x, xv, y, yv = _split(x, y)
    classes, made = np.unique(y), []
    grid = _product(
        eta0=tuple(np.geomspace(1e-5, 3.0, 14).round(7).tolist()), schedule=("constant", "invscaling"),
        alpha=(1e-6, 1e-4, 1e-2), average=(False, True), penalty=("l2", "l1"),
    )  # fmt: skip
    for number, config in enumerate(grid):

        def reports(config: Mapping[str, Any] = config, seed: int = number) -> Iterator[Report]:
            model = SGDClassifier(
                loss="log_loss", penalty=config["penalty"], alpha=config["alpha"], learning_rate=config["schedule"],
                eta0=config["eta0"], average=config["average"], random_state=seed,
            )  # fmt: skip
            while True:
                model.partial_fit(x, y, classes=classes)
                losses = [_log_loss(of, model.predict_proba(at), classes) for at, of in ((x, y), (xv, yv))]
                yield losses[0], losses[1], model.score(xv, yv)

        made.append(_trial(config, reports, 60))
    return made


def boosting_friedman() -> list[Trial]:
    """Boosted trees for regression, 150 rounds: small learning rates win late, large ones overfit early."""
    x, y = datasets.make_friedman1(600, noise=2.0, random_state=2)
    x, xv, y, yv = _split(x, y)
    made = []
    grid = _product(
        learning_rate=(0.005, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0), max_depth=(1, 3, 6), subsample=(0.3, 0.6, 1.0),
        min_samples_leaf=(1, 20),
    )  # fmt: skip
    for number, config in enumerate(grid):

        def reports(config: Mapping[str, Any] = config, seed: int = number) -> Iterator[Report]:
            model = GradientBoostingRegressor(n_estimators=150, random_state=seed, **config).fit(x, y)
            for train, valid in zip(model.staged_predict(x), model.staged_predict(xv), strict=True):
                yield float(np.mean((train - y) ** 2)), float(np.mean((valid - yv) ** 2)), None

        made.append(_trial(config, reports, 150))
    return made


def _xgboost(data: Data, objective: str, metric: str, rounds: int, grid: Iterator[dict[str, Any]]) -> list[Trial]:
    import xgboost  # noqa: PLC0415  not in every environment

    x, xv, y, yv = data
    train, valid = xgboost.DMatrix(x, y), xgboost.DMatrix(xv, yv)
    fixed = {"objective": objective, "eval_metric": metric, "nthread": 1}
    if objective == "multi:softprob":
        fixed["num_class"] = int(y.max()) + 1
    made = []
    for number, config in enumerate(grid):
        seen: dict[str, dict[str, list[float]]] = {}

        def reports(
            config: Mapping[str, Any] = config, seed: int = number, seen: dict[str, dict[str, list[float]]] = seen
        ) -> Iterator[Report]:
            xgboost.train(
                {**fixed, **config, "seed": seed}, train, rounds, [(train, "train"), (valid, "validation")],
                evals_result=seen, verbose_eval=False,
            )  # fmt: skip
            for loss, other in zip(seen["train"][metric], seen["validation"][metric], strict=True):
                yield loss, other, None

        made.append(_trial(config, reports, rounds))
    return made


def xgboost_digits() -> list[Trial]:
    """Rounds of XGBoost on many classes, which is the product's own use."""
    grid = _product(
        eta=(0.01, 0.03, 0.1, 0.3, 0.6, 1.0), max_depth=(2, 4, 6), subsample=(0.5, 1.0), min_child_weight=(1, 10)
    )
    return _xgboost(_bundled("digits"), "multi:softprob", "mlogloss", 60, grid)


def xgboost_cancer() -> list[Trial]:
    """XGBoost for 300 rounds on small data, where most of them overfit."""
    grid = _product(
        eta=(0.003, 0.01, 0.03, 0.1, 0.3, 0.7, 1.5), max_depth=(1, 2, 4, 6), subsample=(0.5, 1.0),
        min_child_weight=(1, 10), reg_lambda=(0.1, 10.0),
    )  # fmt: skip
    return _xgboost(_bundled("breast_cancer"), "binary:logistic", "logloss", 300, grid)


def xgboost_diabetes() -> list[Trial]:
    """XGBoost for regression, 120 rounds, root mean squared error."""
    grid = _product(
        eta=(0.01, 0.03, 0.1, 0.3, 1.0), max_depth=(1, 3, 6), subsample=(0.5, 1.0), gamma=(0, 1000), alpha=(0.0, 10.0)
    )
    return _xgboost(_bundled("diabetes"), "reg:squarederror", "rmse", 120, grid)


GRIDS: Mapping[str, Callable[[], list[Trial]]] = {
    made.__name__: made
    for made in (
        mlp_wine, mlp_friedman, mlp_diabetes, sgd_noisy, boosting_friedman, xgboost_digits, xgboost_cancer,
        xgboost_diabetes,
    )
}  # fmt: skip


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(GRIDS)
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name in names:
        if name.startswith("xgboost") and find_spec("xgboost") is None:
            print(f"{name}: left out, xgboost is not installed", file=sys.stderr)
            continue
        with np.errstate(all="ignore"):
            trials = GRIDS[name]()
        with gzip.GzipFile(folder / f"{name}.json.gz", "wb", mtime=0) as file:
            file.write(json.dumps(trials, separators=(",", ":")).encode())
        print(f"{name}: {len(trials)} configurations, {sum(trial['seconds'] for trial in trials):.0f} s")


if __name__ == "__main__":
    main()
