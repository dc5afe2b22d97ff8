"""The hyperparameters of SageMaker's XGBoost 3.2, with the values that each accepts by itself.

A spec that passes here is not refused by the training script (a test compares the two). Sources:
"XGBoost hyperparameters" of the SageMaker developer guide
(https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html) and "XGBoost Parameters"
(https://xgboost.readthedocs.io/en/release_3.2.0/parameter.html).
"""

from __future__ import annotations

from collections.abc import Mapping

from gridwatch.spec.xgboost.kinds import Choice, Directions, Groups, Kind, Metrics, Names, Number
from gridwatch.spec.xgboost.objectives import OBJECTIVES

_BIT = Choice(("0", "1"))
_TRUTH = Choice(("true", "false"))
_FRACTION = Number(0, 1)
_SHARE = Number(0, 1, open_low=True)
_POSITIVE = Number(0)
_COUNT = Number(0, 2**31 - 1, whole=True)
_AT_LEAST_ONE = Number(1, 2**31 - 1, whole=True)

_UPDATERS = (
    "grow_colmaker", "grow_histmaker", "grow_quantile_histmaker", "grow_gpu_hist", "grow_gpu_approx", "sync", "refresh",
    "prune", "shotgun", "coord_descent",
)  # fmt: skip

PARAMETERS: Mapping[str, Kind] = {
    "num_round": _AT_LEAST_ONE,
    "objective": Choice(tuple(OBJECTIVES)),
    "eval_metric": Metrics(),
    "early_stopping_rounds": _AT_LEAST_ONE,
    "seed": Number(-(2**31), 2**31 - 1, whole=True),
    "save_model_on_termination": _TRUTH,
    "booster": Choice(("gbtree", "gblinear", "dart")),
    "verbosity": Number(0, 3, whole=True),
    "nthread": _AT_LEAST_ONE,
    "num_class": Number(2, 2**31 - 1, whole=True),
    "base_score": Number(),
    "scale_pos_weight": Number(0, open_low=True),
    "csv_weights": _BIT,
    # trees
    "max_depth": _COUNT,
    "max_leaves": _COUNT,
    "max_bin": Number(2, 2**31 - 1, whole=True),
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
    "monotone_constraints": Directions(),
    "interaction_constraints": Groups(),
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
# The GPU by its other names, of which none is a slip: closest to them is the CPU.
_GPU = dict.fromkeys(("gpu", "gpu:0", "cuda:0"), "cuda is its name here")
OTHER_VALUES: Mapping[str, Mapping[str, str]] = {"device": _GPU}
# What older versions took, as tutorials still have it.
FORMER = {"silent": "verbosity: 0 keeps it silent", "reg:linear": "reg:squarederror is its name now"}
