"""Hyperparameters that do not go together, as XGBoost 3.2 and SageMaker's container have it.

Each clash is a row: which hyperparameters it is about, and in which settings of them it holds.
tests/contract/test_xgboost_table.py trains with products of their values and finds each clash, and no other.
Sources: what XGBoost 3.2.0 says when it fails; for `Outcome.CONTAINER` algorithm_mode/hyperparameter_validation.py of
aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.spec.xgboost.metrics import family, metric_of
from gridwatch.spec.xgboost.numbers import finite
from gridwatch.spec.xgboost.objectives import Predicts, default_metric, objective_of
from gridwatch.spec.xgboost.outcomes import Outcome

Setting = Mapping[str, Any]

LINEAR_UPDATERS = ("shotgun", "coord_descent")
GROWING = ("grow_colmaker", "grow_histmaker", "grow_quantile_histmaker")
TREE_UPDATERS = (*GROWING, "sync", "refresh", "prune")
_SHOTGUN_SELECTORS = ("cyclic", "shuffle")
_ONLY_CLASS_1 = ("f1_binary", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Found:
    """A clash in one setting: `blame` is the hyperparameter to change, `value` what it has there, if anything."""

    blame: str
    message: str
    outcome: Outcome
    allowed: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """`names` are all that it looks at: what else a setting has makes no difference."""

    names: tuple[str, ...]
    look: Callable[[Setting], Iterator[Found]]


def clashes(setting: Setting) -> Iterator[Found]:
    """Everything of a trial's hyperparameters that does not go together."""
    for clash in CLASHES:
        yield from clash.look(setting)


def metrics_of(setting: Setting) -> tuple[str, ...]:
    """The metrics that a trial reports, by the names it gives them."""
    asked = str(setting.get("eval_metric", ""))
    names = [name.strip() for name in asked.split(",") if name.strip()]
    default = None if names else default_metric(setting)
    return tuple(dict.fromkeys(names)) or ((default,) if default else ())


def _text(setting: Setting, name: str, default: str = "") -> str:
    return str(setting.get(name, default)).strip()


def _is_linear(setting: Setting) -> bool:
    return _text(setting, "booster") == "gblinear"


def _updaters(setting: Setting) -> list[str]:
    return [name.strip() for name in _text(setting, "updater").split(",") if name.strip()]


def _is_exact(setting: Setting) -> bool:
    """Whether trees are grown by the exact algorithm: an updater, where one is named, says it, else tree_method."""
    if _is_linear(setting):
        return False
    if "updater" in setting:
        return "grow_colmaker" in _updaters(setting)
    return _text(setting, "tree_method") == "exact"


def _classes(setting: Setting) -> Iterator[Found]:
    name, objective = objective_of(setting)
    if objective is None:
        return
    number = finite(setting.get("num_class", 0))
    if objective.predicts is Predicts.CLASSES:
        if "num_class" not in setting:
            message, advice = "num_class is missing", "multi: objectives need it"
            yield Found("objective", message, Outcome.FAILS, advice=advice)
    elif number is not None and number > 1:
        message = f"num_class belongs to the objectives multi:softmax and multi:softprob, not to {name}"
        yield Found("num_class", message, Outcome.FAILS, advice="leave it out")


def _labels(setting: Setting) -> Iterator[Found]:
    name, objective = objective_of(setting)
    if objective is not None and objective.predicts is Predicts.NOTHING:
        message = f"{name} needs a lower and an upper bound of each label, which no format of a channel can carry"
        advice = "survival:cox takes one label, or train a script of your own (framework: xgboost)"
        yield Found("objective", message, Outcome.FAILS, advice=advice)


def _base_score(setting: Setting) -> Iterator[Found]:
    name, objective = objective_of(setting)
    score = finite(setting.get("base_score"))
    outcome = objective.base_score_outcome(score) if objective is not None and score is not None else None
    if objective is not None and outcome is not None:
        message = f"{name} cannot begin with this base_score: {outcome}"
        yield Found("base_score", message, outcome, allowed=objective.base_score.allowed)


def _quantile(setting: Setting) -> Iterator[Found]:
    name, _ = objective_of(setting)
    asks = name if name == "reg:quantileerror" else "quantile" if "quantile" in metrics_of(setting) else None
    if asks is not None and "quantile_alpha" not in setting:
        blame = "objective" if asks == name else "eval_metric"
        advice = "say which quantile, such as quantile_alpha: 0.5"
        yield Found(blame, f"{asks} needs quantile_alpha, which is missing", Outcome.FAILS, advice=advice)


def _metrics(setting: Setting) -> Iterator[Found]:
    """Of metrics that are asked for; what an objective reports by itself fits."""
    name, objective = objective_of(setting)
    if objective is None or "eval_metric" not in setting:
        return
    for given in metrics_of(setting):
        metric = metric_of(given)
        outcome = metric.outcome(objective.predicts) if metric else None
        if name == "multi:softmax" and given in ("mse", "r2"):
            outcome = Outcome.DOUBTFUL  # of the classes' numbers
        if given in _ONLY_CLASS_1 and outcome is Outcome.CONTAINER and finite(setting.get("num_class")) == 2:
            outcome = None
        if outcome is not None:
            yield Found("eval_metric", f"{given} does not fit the objective {name}: {outcome}", outcome,
                        advice=_instead(family(given), objective.predicts))  # fmt: skip


def _instead(metric: str, predicts: Predicts) -> str | None:
    if metric in ("aft-nloglik", "interval-regression-accuracy"):
        return "labels with a lower and an upper bound cannot be given in a channel"
    if predicts is Predicts.CLASSES:
        return (
            "merror, mlogloss and auc compare classes"
            if metric not in _ONLY_CLASS_1
            else f"use {metric.removesuffix('_binary')}_macro"
        )
    if metric in ("merror", "mlogloss"):
        return "error and logloss are for two classes; these need a multi: objective"
    return "auc is for classes and ranks" if metric in ("auc", "aucpr") else None


def _linear(setting: Setting) -> Iterator[Found]:
    if not _is_linear(setting):
        return
    updaters = _updaters(setting)
    if "updater" in setting and (len(updaters) != 1 or updaters[0] not in LINEAR_UPDATERS):
        message = "the booster gblinear takes one updater of its own"
        yield Found("updater", message, Outcome.FAILS, allowed=" or ".join(LINEAR_UPDATERS))
    elif updaters != ["coord_descent"]:
        selector = _text(setting, "feature_selector", "cyclic")
        if selector not in _SHOTGUN_SELECTORS:
            message = f"the feature_selector {selector} is not for the updater shotgun, gblinear's default"
            advice = "set updater: coord_descent"
            allowed = " or ".join(_SHOTGUN_SELECTORS)
            yield Found("feature_selector", message, Outcome.FAILS, allowed=allowed, advice=advice)


def _trees(setting: Setting) -> Iterator[Found]:
    if _is_linear(setting) or "updater" not in setting or _text(setting, "process_type") == "update":
        return
    updaters = _updaters(setting)
    growing = [name for name in updaters if name in GROWING]
    linear = [name for name in updaters if name in LINEAR_UPDATERS]
    on_gpu = [name for name in updaters if name.startswith("grow_gpu_")]
    if linear:
        message, outcome = f"the updater {linear[0]} is for the booster gblinear", Outcome.FAILS
    elif on_gpu:
        message, outcome = f"the updater {on_gpu[0]} is none for people to choose", Outcome.CONTAINER
    elif not updaters:
        message, outcome = "no updater is named", Outcome.FAILS
    elif updaters[0] in ("refresh", "prune"):
        message, outcome = (
            f"the updater {updaters[0]} changes trees, and there are none before one grows",
            Outcome.FAILS,
        )
    elif not growing:
        message, outcome = f"the updater {updaters[0]} grows no trees: {Outcome.CONSTANT}", Outcome.CONSTANT
    elif len(growing) > 1:
        message, outcome = f"several updaters grow trees: {', '.join(growing)}", Outcome.CONTAINER
    else:
        return
    allowed = f"one of {', '.join(GROWING)} first, then refresh, prune or sync"
    yield Found("updater", message, outcome, allowed=allowed, advice="or leave it out, and set tree_method")


def _update(setting: Setting) -> Iterator[Found]:
    if _text(setting, "process_type") == "update" and not _is_linear(setting):
        message = "process_type update changes the trees of an earlier model, and a training here begins without one"
        yield Found("process_type", message, Outcome.FAILS, allowed="default")


def _depth(setting: Setting) -> Iterator[Found]:
    if _is_exact(setting) and finite(setting.get("max_depth")) == 0:
        message = "the exact algorithm needs a limit of the depth"
        advice = "or use tree_method: hist, where 0 is no limit"
        yield Found("max_depth", message, Outcome.FAILS, allowed="at least 1", advice=advice)


def _sampling(setting: Setting) -> Iterator[Found]:
    share = finite(setting.get("subsample", 1))
    if _is_exact(setting) and _text(setting, "sampling_method") == "gradient_based" and share is not None and share < 1:
        message, advice = "the exact algorithm samples uniformly only", "use tree_method: hist"
        yield Found("sampling_method", message, Outcome.FAILS, allowed="uniform", advice=advice)


def _columns(setting: Setting) -> Iterator[Found]:
    share = finite(setting.get("colsample_bynode", 1))
    if _is_exact(setting) and share is not None and share < 1:
        message, advice = "the exact algorithm does not choose columns by node", "use tree_method: hist"
        yield Found("colsample_bynode", message, Outcome.FAILS, allowed="1", advice=advice)


def _vector_leaves(setting: Setting) -> Iterator[Found]:
    """Trees whose leaves have a value for each class."""
    if _text(setting, "multi_strategy") != "multi_output_tree" or _is_linear(setting):
        return
    if _text(setting, "booster") == "dart":
        yield Found("booster", "dart has no trees of several outputs", Outcome.FAILS, advice="use gbtree")
        return
    if (method := _text(setting, "tree_method", "auto")) not in ("auto", "hist", "gpu_hist"):
        message = f"the tree_method {method} has no trees of several outputs"
        yield Found("tree_method", message, Outcome.FAILS, allowed="hist or auto")
    elif objective_of(setting)[0].startswith("multi:"):
        yield from _of_several_classes(setting)


def _of_several_classes(setting: Setting) -> Iterator[Found]:
    for name in ("monotone_constraints", "interaction_constraints"):
        if _text(setting, name).strip("()[] "):
            message = f"trees of several outputs take no {name}"
            yield Found(name, message, Outcome.FAILS, advice="use multi_strategy: one_output_per_tree")
    other = [name for name in _updaters(setting) if name not in ("grow_quantile_histmaker", "sync")]
    if other:
        # prune reads beside such trees: in some runs it fails, in others it does not.
        outcome = Outcome.DOUBTFUL if other == ["prune"] else Outcome.FAILS
        message = f"the updater {other[0]} is not made for trees of several outputs"
        yield Found("updater", message, outcome, allowed="grow_quantile_histmaker")


CLASHES = (
    Clash(("num_class", "objective"), _classes),
    Clash(("objective",), _labels),
    Clash(("base_score", "objective"), _base_score),
    Clash(("quantile_alpha", "objective", "eval_metric"), _quantile),
    Clash(("eval_metric", "objective", "num_class"), _metrics),
    Clash(("updater", "feature_selector", "booster"), _linear),
    Clash(("updater", "process_type", "booster"), _trees),
    Clash(("process_type", "booster"), _update),
    Clash(("max_depth", "tree_method", "updater", "booster"), _depth),
    Clash(("sampling_method", "subsample", "tree_method", "updater", "booster"), _sampling),
    Clash(("colsample_bynode", "tree_method", "updater", "booster"), _columns),
    Clash(
        ("multi_strategy", "booster", "tree_method", "updater", "objective", "monotone_constraints",
         "interaction_constraints"),
        _vector_leaves,
    ),
)  # fmt: skip
