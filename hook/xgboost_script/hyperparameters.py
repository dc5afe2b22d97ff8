"""Parses the hyperparameters of SageMaker's built-in XGBoost algorithm, with their names, types and ranges, from the
strings that SageMaker passes.

Source: docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html. Hyperparameters that XGBoost 3 no longer
knows (`predictor`, `sketch_eps`, `dsplit`) are accepted and left out with a warning; `gpu_hist` is replaced by its
modern spelling, also with a warning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from failure import UserError

Reader = Callable[[str, str], Any]


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The parsed hyperparameters. `params` go to XGBoost itself; the rest steer the training around it."""

    num_round: int
    params: dict[str, Any]
    eval_metrics: tuple[str, ...] = ()
    early_stopping_rounds: int | None = None
    csv_weights: bool = False
    save_model_on_termination: bool = True
    left_out: tuple[str, ...] = ()


def parse_hyperparameters(given: Mapping[str, Any]) -> Hyperparameters:
    """Parse all hyperparameters. Raises UserError naming every one that is unknown or wrong, not only the first."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, raw in given.items():
        if name.startswith(("sagemaker_", "_tuning_")):
            continue
        reader = _READERS.get(name)
        if reader is None:
            problems.append(f"hyperparameter {name!r} is unknown; allowed are {', '.join(sorted(_READERS))}")
            continue
        try:
            values[name] = reader(name, _text(raw))
        except UserError as error:
            problems.append(str(error))
    if "num_round" not in given:
        problems.append("hyperparameter 'num_round' is required")
    problems.extend(_conflicts(values))
    if problems:
        raise UserError("; ".join(problems))
    return _assemble(values)


def _assemble(values: dict[str, Any]) -> Hyperparameters:
    left_out = tuple(name for name in _LEFT_OUT if values.pop(name, None) is not None)
    if values.get("tree_method") == "gpu_hist":
        values |= {"tree_method": "hist", "device": "cuda"}
    return Hyperparameters(
        num_round=values.pop("num_round"),
        eval_metrics=values.pop("eval_metric", ()),
        early_stopping_rounds=values.pop("early_stopping_rounds", None),
        csv_weights=bool(values.pop("csv_weights", 0)),
        save_model_on_termination=values.pop("save_model_on_termination", "true") == "true",
        params=values,
        left_out=left_out,
    )


def _conflicts(values: Mapping[str, Any]) -> list[str]:
    problems = []
    if values.get("objective") in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        problems.append(f"objective {values['objective']!r} needs the hyperparameter 'num_class'")
    return problems


def _text(raw: Any) -> str:
    if isinstance(raw, str):
        return raw.strip()
    return json.dumps(raw)


def _wrong(name: str, text: str, allowed: str) -> UserError:
    return UserError(f"hyperparameter {name!r} is {text!r}, but must be {allowed}")


def _integer(low: int | None = None, high: int | None = None) -> Reader:
    def read(name: str, text: str) -> int:
        allowed = f"a whole number{_span(low, high)}"
        try:
            number = int(text)
        except ValueError:
            raise _wrong(name, text, allowed) from None
        if (low is not None and number < low) or (high is not None and number > high):
            raise _wrong(name, text, allowed)
        return number

    return read


def _real(
    low: float | None = None, high: float | None = None, *, open_low: bool = False, open_high: bool = False
) -> Reader:
    def read(name: str, text: str) -> float:
        allowed = f"a number{_span(low, high, open_low, open_high)}"
        try:
            number = float(text)
        except ValueError:
            raise _wrong(name, text, allowed) from None
        below = low is not None and (number <= low if open_low else number < low)
        above = high is not None and (number >= high if open_high else number > high)
        if below or above or number != number:  # noqa: PLR0124  (only NaN differs from itself)
            raise _wrong(name, text, allowed)
        return number

    return read


def _span(low: float | None, high: float | None, open_low: bool = False, open_high: bool = False) -> str:
    parts = []
    if low is not None:
        parts.append(f"{'above' if open_low else 'of at least'} {low:g}")
    if high is not None:
        parts.append(f"{'below' if open_high else 'of at most'} {high:g}")
    return " " + " and ".join(parts) if parts else ""


def _one_of(*allowed: str) -> Reader:
    def read(name: str, text: str) -> str:
        if text not in allowed:
            raise _wrong(name, text, f"one of {', '.join(allowed)}")
        return text

    return read


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise _wrong(name, text, "true or false")
    return text.lower() == "true"


def _updaters(name: str, text: str) -> str:
    items = [item.strip() for item in text.split(",") if item.strip()]
    for item in items:
        if item not in _UPDATERS:
            raise _wrong(name, text, f"some of {', '.join(_UPDATERS)}, separated by commas")
    return ",".join(items)


def _metrics(name: str, text: str) -> tuple[str, ...]:
    metrics = tuple(dict.fromkeys(_listed(text)))
    for metric in metrics:
        base, at, threshold = metric.partition("@")
        if at and base in _THRESHOLD_METRICS and _is_threshold(threshold):
            continue
        if metric.removesuffix("-") in _RANKING_METRICS:
            continue
        if at or metric not in (*_METRICS, *_THRESHOLD_METRICS, *CUSTOM_METRICS):
            known = ", ".join((*_METRICS, *CUSTOM_METRICS))
            raise _wrong(
                name, text, f"some of {known}, separated by commas ({', '.join(_THRESHOLD_METRICS)} also with @n)"
            )
    return metrics


def _listed(text: str) -> list[str]:
    """The names in a text with commas, in a list of JSON or of Python, or in quotes, as specs have them."""
    try:
        items = json.loads(text.replace("'", '"'))
    except ValueError:
        items = text
    names = items if isinstance(items, list) else str(items).split(",")
    return [name for item in names if (name := str(item).strip().strip("\"'"))]


def _is_threshold(text: str) -> bool:
    try:
        float(text.removesuffix("-"))
    except ValueError:
        return False
    return True


def _literal(allowed: str) -> Reader:
    """A reader for a list or tuple that XGBoost parses itself, such as "(1,-1)" or "[[0,1],[2]]"."""

    def read(name: str, text: str) -> str:
        try:
            json.loads(text.replace("(", "[").replace(")", "]"))
        except json.JSONDecodeError:
            raise _wrong(name, text, allowed) from None
        return text

    return read


_METRICS = (
    "aft-nloglik", "auc", "aucpr", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik",
    "interval-regression-accuracy", "logloss", "mae", "map", "mape", "merror", "mlogloss", "mphe", "ndcg",
    "poisson-nloglik", "pre", "quantile", "rmse", "rmsle", "tweedie-nloglik",
)  # fmt: skip
_THRESHOLD_METRICS = ("error", "ndcg", "map", "pre", "tweedie-nloglik", "ams")
_RANKING_METRICS = ("ndcg", "map", "pre")  # with a trailing minus, queries without a relevant row count as 0
# Not XGBoost's: SageMaker's container computes them, and so does custom_metrics.
CUSTOM_METRICS = (
    "accuracy", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "mse", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip
_UPDATERS = (
    "grow_colmaker", "grow_histmaker", "grow_quantile_histmaker", "grow_gpu_hist", "grow_gpu_approx", "sync",
    "refresh", "prune", "shotgun", "coord_descent",
)  # fmt: skip
_OBJECTIVES = (
    "binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax", "multi:softprob",
    "rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:squarederror", "reg:logistic", "reg:gamma",
    "reg:pseudohubererror", "reg:squaredlogerror", "reg:absoluteerror", "reg:quantileerror", "reg:tweedie",
    "survival:aft", "survival:cox",
)  # fmt: skip
_LEFT_OUT = ("predictor", "sketch_eps", "dsplit", "use_dask_gpu_training")

_FRACTION = _real(0, 1)
_SHARE = _real(0, 1, open_low=True)
_AT_LEAST_0 = _real(0)

_READERS: dict[str, Reader] = {
    "num_round": _integer(1),
    "early_stopping_rounds": _integer(1),
    "csv_weights": _integer(0, 1),
    "save_model_on_termination": _one_of("true", "false"),
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "device": _one_of("cpu", "cuda"),
    "verbosity": _integer(0, 3),
    "nthread": _integer(1),
    "seed": _integer(-(2**31), 2**31 - 1),
    "eta": _FRACTION,
    "gamma": _AT_LEAST_0,
    "max_depth": _integer(0),
    "min_child_weight": _AT_LEAST_0,
    "max_delta_step": _AT_LEAST_0,
    "subsample": _SHARE,
    "sampling_method": _one_of("uniform", "gradient_based"),
    "colsample_bytree": _SHARE,
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "lambda": _AT_LEAST_0,
    "alpha": _AT_LEAST_0,
    "lambda_bias": _FRACTION,
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "sketch_eps": _real(0, 1, open_low=True, open_high=True),
    "scale_pos_weight": _real(0, open_low=True),
    "updater": _updaters,
    "dsplit": _one_of("row", "col"),
    "refresh_leaf": _integer(0, 1),
    "process_type": _one_of("default", "update"),
    "grow_policy": _one_of("depthwise", "lossguide"),
    "max_leaves": _integer(0),
    "max_bin": _integer(0),
    "max_cat_to_onehot": _integer(1),
    "max_cat_threshold": _integer(1),
    "num_parallel_tree": _integer(1),
    "multi_strategy": _one_of("one_output_per_tree", "multi_output_tree"),
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "use_dask_gpu_training": _one_of("true", "false"),
    "monotone_constraints": _literal("a tuple of -1, 0 and 1, such as (1,-1)"),
    "interaction_constraints": _literal("a list of lists of column numbers, such as [[0,1],[2]]"),
    "sample_type": _one_of("uniform", "weighted"),
    "normalize_type": _one_of("tree", "forest"),
    "rate_drop": _FRACTION,
    "one_drop": _integer(0, 1),
    "skip_drop": _FRACTION,
    "feature_selector": _one_of("cyclic", "shuffle", "random", "greedy", "thrifty"),
    "top_k": _integer(0),
    "objective": _one_of(*_OBJECTIVES),
    "num_class": _integer(2),
    "base_score": _real(),
    "eval_metric": _metrics,
    "tweedie_variance_power": _real(1, 2, open_low=True, open_high=True),
    "huber_slope": _real(0, open_low=True),
    "quantile_alpha": _SHARE,
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": _real(0, open_low=True),
    "deterministic_histogram": _flag,
    "single_precision_histogram": _flag,
    "lambdarank_pair_method": _one_of("mean", "topk"),
    "lambdarank_num_pair_per_sample": _integer(1),
    "max_cached_hist_node": _integer(1),
}
