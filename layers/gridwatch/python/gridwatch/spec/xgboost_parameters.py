"""The hyperparameters of SageMaker's XGBoost and of XGBoost 3.2, with what values they take.

Sources: "XGBoost hyperparameters" of the SageMaker developer guide
(https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html) and "XGBoost Parameters"
(https://xgboost.readthedocs.io/en/release_3.2.0/parameter.html).
"""

from __future__ import annotations

import math
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
        if number is None or (self.whole and number != int(number)):
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
        return str(value).lower() in self.names

    @property
    def allowed(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Text:
    """Anything; what it means is XGBoost's affair."""

    allowed: str = "text"

    def accepts(self, value: object) -> bool:
        return not isinstance(value, bool)


Kind = Number | Choice | Text

_FLAG = Choice(("0", "1", "true", "false"))
_FRACTION = Number(0, 1)
_SHARE = Number(0, 1, open_low=True)
_POSITIVE = Number(0)
_COUNT = Number(0, whole=True)
_AT_LEAST_ONE = Number(1, whole=True)

OBJECTIVES = (
    "binary:hinge", "binary:logistic", "binary:logitraw", "count:poisson", "multi:softmax", "multi:softprob",
    "rank:map", "rank:ndcg", "rank:pairwise", "reg:absoluteerror", "reg:gamma", "reg:logistic", "reg:pseudohubererror",
    "reg:quantileerror", "reg:squarederror", "reg:squaredlogerror", "reg:tweedie", "survival:aft", "survival:cox",
)  # fmt: skip

PARAMETERS: Mapping[str, Kind] = {
    "num_round": _AT_LEAST_ONE,
    "objective": Choice(OBJECTIVES),
    "eval_metric": Text("metrics of XGBoost, several as a list or with commas"),
    "early_stopping_rounds": _AT_LEAST_ONE,
    "seed": Number(whole=True),
    "booster": Choice(("gbtree", "gblinear", "dart")),
    "verbosity": Number(0, 3, whole=True),
    "nthread": _AT_LEAST_ONE,
    "num_class": Number(2, whole=True),
    "base_score": Number(),
    "scale_pos_weight": _POSITIVE,
    "csv_weights": _FLAG,
    # trees
    "max_depth": _COUNT,
    "max_leaves": _COUNT,
    "max_bin": Number(2, whole=True),
    "eta": _FRACTION,
    "learning_rate": _FRACTION,
    "gamma": _POSITIVE,
    "min_split_loss": _POSITIVE,
    "min_child_weight": _POSITIVE,
    "max_delta_step": _POSITIVE,
    "subsample": _SHARE,
    "sampling_method": Choice(("uniform", "gradient_based")),
    "colsample_bytree": _SHARE,
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "lambda": _POSITIVE,
    "reg_lambda": _POSITIVE,
    "alpha": _POSITIVE,
    "reg_alpha": _POSITIVE,
    "lambda_bias": _FRACTION,
    "tree_method": Choice(("auto", "exact", "approx", "hist", "gpu_hist")),
    "grow_policy": Choice(("depthwise", "lossguide")),
    "updater": Text("tree updaters with commas between"),
    "process_type": Choice(("default", "update")),
    "refresh_leaf": _FLAG,
    "num_parallel_tree": _AT_LEAST_ONE,
    "multi_strategy": Choice(("one_output_per_tree", "multi_output_tree")),
    "monotone_constraints": Text("a text such as (1,-1)"),
    "interaction_constraints": Text("a text such as [[0,1],[2,3]]"),
    "max_cat_to_onehot": _AT_LEAST_ONE,
    "max_cat_threshold": _AT_LEAST_ONE,
    "max_cached_hist_node": _AT_LEAST_ONE,
    "device": Choice(("cpu", "cuda", "gpu")),
    "use_dask_gpu_training": _FLAG,
    # dart
    "sample_type": Choice(("uniform", "weighted")),
    "normalize_type": Choice(("tree", "forest")),
    "rate_drop": _FRACTION,
    "one_drop": _FLAG,
    "skip_drop": _FRACTION,
    # linear
    "feature_selector": Choice(("cyclic", "shuffle", "random", "greedy", "thrifty")),
    "top_k": _COUNT,
    # objectives
    "tweedie_variance_power": Number(1, 2, open_low=True, open_high=True),
    "huber_slope": Number(0, open_low=True),
    "quantile_alpha": Text("a number, or a text such as [0.1,0.9]"),
    "aft_loss_distribution": Choice(("normal", "logistic", "extreme")),
    "aft_loss_distribution_scale": Number(0, open_low=True),
    "lambdarank_pair_method": Choice(("mean", "topk")),
    "lambdarank_num_pair_per_sample": _AT_LEAST_ONE,
    "lambdarank_normalization": _FLAG,
    "lambdarank_score_normalization": _FLAG,
    "lambdarank_unbiased": _FLAG,
    "lambdarank_bias_norm": _POSITIVE,
    "ndcg_exp_gain": _FLAG,
}

# Documented for older versions; XGBoost 3 warns that it does not use them.
IGNORED = frozenset(
    {"sketch_eps", "single_precision_histogram", "deterministic_histogram", "predictor", "gpu_id", "dsplit",
     "prob_buffer_row", "silent"}
)  # fmt: skip

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
# Computed by SageMaker's container itself ("eval_metric", developer guide).
CONTAINER_METRICS = (
    "accuracy", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "mse", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip


def known_metric(name: str) -> bool:
    """`error`, `error@0.7`, `ndcg@10-`: the part before @ and the closing - is the metric."""
    return name.split("@", 1)[0].rstrip("-") in METRICS


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
