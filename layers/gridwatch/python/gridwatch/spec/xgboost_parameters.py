"""The hyperparameters of SageMaker's XGBoost 3.2, with what values they take.

A spec that passes here is not refused by the training script (a test compares the two). Sources:
"XGBoost hyperparameters" of the SageMaker developer guide
(https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html) and "XGBoost Parameters"
(https://xgboost.readthedocs.io/en/release_3.2.0/parameter.html).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """An interval; `whole` for integers."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    open_low: bool = False
    open_high: bool = False

    def accepts(self, value: object) -> bool:
        number = _number(value)
        # 2.0 is written as it is, and the training script takes no fraction where it wants an integer.
        if number is None or (self.whole and not _INTEGER.fullmatch(str(value))):
            return False
        low = number > self.low if self.open_low else number >= self.low
        return low and (number < self.high if self.open_high else number <= self.high)

    @property
    def allowed(self) -> str:
        kind = "whole numbers" if self.whole else "numbers"
        limits = []
        if self.low > -math.inf:
            limits.append(f"{'above' if self.open_low else 'from'} {self.low:g}")
        if self.high < math.inf:
            limits.append(f"{'below' if self.open_high else 'to'} {self.high:g}")
        return " ".join([kind, *limits])


@dataclass(frozen=True, slots=True)
class Choice:
    names: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        return (str(value).lower() if isinstance(value, bool) else str(value)) in self.names

    @property
    def allowed(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Names:
    """Several of the names, with commas between."""

    names: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and all(name.strip() in (*self.names, "") for name in value.split(","))

    @property
    def allowed(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Literal:
    """A tuple or list of numbers, as text that XGBoost reads itself."""

    allowed: str

    def accepts(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        try:
            json.loads(value.replace("(", "[").replace(")", "]"))
        except (ValueError, RecursionError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Metrics:
    """Evaluation metrics; what is wrong with them is told name by name (gridwatch.spec.checks)."""

    allowed: str = "metrics, several as a list or with commas"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)


Kind = Number | Choice | Names | Literal | Metrics

_BIT = Choice(("0", "1"))
_TRUTH = Choice(("true", "false"))
_FRACTION = Number(0, 1)
_SHARE = Number(0, 1, open_low=True)
_POSITIVE = Number(0)
_COUNT = Number(0, whole=True)
_AT_LEAST_ONE = Number(1, whole=True)

_UPDATERS = (
    "grow_colmaker", "grow_histmaker", "grow_quantile_histmaker", "grow_gpu_hist", "grow_gpu_approx", "sync", "refresh",
    "prune", "shotgun", "coord_descent",
)  # fmt: skip
OBJECTIVES = (
    "binary:hinge", "binary:logistic", "binary:logitraw", "count:poisson", "multi:softmax", "multi:softprob",
    "rank:map", "rank:ndcg", "rank:pairwise", "reg:absoluteerror", "reg:gamma", "reg:logistic", "reg:pseudohubererror",
    "reg:quantileerror", "reg:squarederror", "reg:squaredlogerror", "reg:tweedie", "survival:aft", "survival:cox",
)  # fmt: skip

PARAMETERS: Mapping[str, Kind] = {
    "num_round": _AT_LEAST_ONE,
    "objective": Choice(OBJECTIVES),
    "eval_metric": Metrics(),
    "early_stopping_rounds": _AT_LEAST_ONE,
    "seed": Number(-(2**31), 2**31 - 1, whole=True),
    "save_model_on_termination": _TRUTH,
    "booster": Choice(("gbtree", "gblinear", "dart")),
    "verbosity": Number(0, 3, whole=True),
    "nthread": _AT_LEAST_ONE,
    "num_class": Number(2, whole=True),
    "base_score": Number(),
    "scale_pos_weight": Number(0, open_low=True),
    "csv_weights": _BIT,
    # trees
    "max_depth": _COUNT,
    "max_leaves": _COUNT,
    "max_bin": Number(2, whole=True),
    "eta": _FRACTION,
    "gamma": _POSITIVE,
    "min_child_weight": _POSITIVE,
    "max_delta_step": _POSITIVE,
    "subsample": _SHARE,
    "sampling_method": Choice(("uniform", "gradient_based")),
    "colsample_bytree": _SHARE,
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "lambda": _POSITIVE,
    "alpha": _POSITIVE,
    "lambda_bias": _FRACTION,
    "tree_method": Choice(("auto", "exact", "approx", "hist", "gpu_hist")),
    "grow_policy": Choice(("depthwise", "lossguide")),
    "updater": Names(_UPDATERS),
    "process_type": Choice(("default", "update")),
    "refresh_leaf": _BIT,
    "num_parallel_tree": _AT_LEAST_ONE,
    "multi_strategy": Choice(("one_output_per_tree", "multi_output_tree")),
    "monotone_constraints": Literal("a text of -1, 0 and 1 such as (1,-1)"),
    "interaction_constraints": Literal("a text of column numbers such as [[0,1],[2]]"),
    "max_cat_to_onehot": _AT_LEAST_ONE,
    "max_cat_threshold": _AT_LEAST_ONE,
    "max_cached_hist_node": _AT_LEAST_ONE,
    "device": Choice(("cpu", "cuda")),
    "deterministic_histogram": _TRUTH,
    "single_precision_histogram": _TRUTH,
    # dart
    "sample_type": Choice(("uniform", "weighted")),
    "normalize_type": Choice(("tree", "forest")),
    "rate_drop": _FRACTION,
    "one_drop": _BIT,
    "skip_drop": _FRACTION,
    # linear
    "feature_selector": Choice(("cyclic", "shuffle", "random", "greedy", "thrifty")),
    "top_k": _COUNT,
    # objectives
    "tweedie_variance_power": Number(1, 2, open_low=True, open_high=True),
    "huber_slope": Number(0, open_low=True),
    "quantile_alpha": _SHARE,
    "aft_loss_distribution": Choice(("normal", "logistic", "extreme")),
    "aft_loss_distribution_scale": Number(0, open_low=True),
    "lambdarank_pair_method": Choice(("mean", "topk")),
    "lambdarank_num_pair_per_sample": _AT_LEAST_ONE,
}

# Documented for older versions; the training script leaves them out, saying so in its log.
IGNORED: Mapping[str, Kind] = {
    "sketch_eps": Number(0, 1, open_low=True, open_high=True),
    "predictor": Choice(("auto", "cpu_predictor", "gpu_predictor")),
    "dsplit": Choice(("row", "col")),
    "use_dask_gpu_training": _TRUTH,
}
# XGBoost's other names, which SageMaker's algorithm does not know.
ALIASES = {
    "learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha",
    "n_estimators": "num_round", "num_boost_round": "num_round", "random_state": "seed", "n_jobs": "nthread",
}  # fmt: skip
# What older versions took, as tutorials still have it.
FORMER = {"silent": "verbosity: 0 keeps it silent", "reg:linear": "reg:squarederror is its name now"}

# What XGBoost reports when no eval_metric is asked for.
DEFAULT_METRICS = {
    "binary:hinge": "error", "binary:logistic": "logloss", "binary:logitraw": "logloss",
    "count:poisson": "poisson-nloglik", "multi:softmax": "mlogloss", "multi:softprob": "mlogloss", "rank:map": "map",
    "rank:ndcg": "ndcg", "rank:pairwise": "ndcg", "reg:absoluteerror": "mae", "reg:gamma": "gamma-nloglik",
    "reg:logistic": "rmse", "reg:pseudohubererror": "mphe", "reg:quantileerror": "quantile",
    "reg:squarederror": "rmse", "reg:squaredlogerror": "rmsle", "reg:tweedie": "tweedie-nloglik@1.5",
    "survival:aft": "aft-nloglik", "survival:cox": "cox-nloglik",
}  # fmt: skip
DEFAULT_OBJECTIVE = "reg:squarederror"

METRICS = (
    "aft-nloglik", "auc", "aucpr", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss", "mae", "map", "mape", "merror", "mlogloss", "mphe", "ndcg", "poisson-nloglik", "pre", "quantile", "rmse",
    "rmsle", "tweedie-nloglik",
)  # fmt: skip
# Of these, `error@0.7` or `ndcg@10-` set a threshold or a rank.
_THRESHOLD_METRICS = ("error", "ndcg", "map", "pre", "tweedie-nloglik")
# Not XGBoost's own: SageMaker's container and Gridwatch's training script compute them.
CONTAINER_METRICS = (
    "accuracy", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "mse", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip


def known_metric(name: str) -> bool:
    base, at, threshold = name.partition("@")
    if at:
        return base in _THRESHOLD_METRICS and _number(threshold.removesuffix("-")) is not None
    return base in METRICS or base in CONTAINER_METRICS


_INTEGER = re.compile(r"[-+]?[0-9]{1,19}")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
