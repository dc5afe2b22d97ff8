"""Boosters, updaters and tree methods that do not go together, as XGBoost 3.2 and SageMaker's container have it."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.xgboost.numbers import finite
from gridwatch.spec.xgboost.objectives import objective_of
from gridwatch.spec.xgboost.outcomes import Effect
from gridwatch.spec.xgboost.settings import Clash, Found, Setting, word

LINEAR_UPDATERS = ("shotgun", "coord_descent")
GROWING = ("grow_colmaker", "grow_histmaker", "grow_quantile_histmaker")
TREE_UPDATERS = (*GROWING, "sync", "refresh", "prune")
_SHOTGUN_SELECTORS = ("cyclic", "shuffle")


def _is_linear(setting: Setting) -> bool:
    return word(setting, "booster") == "gblinear"


def _updaters(setting: Setting) -> list[str]:
    return [name.strip() for name in word(setting, "updater").split(",") if name.strip()]


def _is_exact(setting: Setting) -> bool:
    """Whether trees are grown by the exact algorithm, which an updater decides if one is named, else tree_method."""
    if _is_linear(setting):
        return False
    if "updater" in setting:
        return "grow_colmaker" in _updaters(setting)
    return word(setting, "tree_method") == "exact"


def _linear(setting: Setting) -> Iterator[Found]:
    if not _is_linear(setting):
        return
    updaters = _updaters(setting)
    if "updater" in setting and (len(updaters) != 1 or updaters[0] not in LINEAR_UPDATERS):
        message = "the booster gblinear takes one updater of its own"
        yield Found("updater", message, Effect.FAILS, allowed=" or ".join(LINEAR_UPDATERS))
    elif updaters != ["coord_descent"]:
        selector = word(setting, "feature_selector", "cyclic")
        if selector not in _SHOTGUN_SELECTORS:
            message = f"the feature_selector {selector} is not for the updater shotgun, gblinear's default"
            advice = "set updater: coord_descent"
            allowed = " or ".join(_SHOTGUN_SELECTORS)
            yield Found("feature_selector", message, Effect.FAILS, allowed=allowed, advice=advice)


def _trees(setting: Setting) -> Iterator[Found]:
    if _is_linear(setting) or "updater" not in setting or word(setting, "process_type") == "update":
        return
    updaters = _updaters(setting)
    growing = [name for name in updaters if name in GROWING]
    linear = [name for name in updaters if name in LINEAR_UPDATERS]
    on_gpu = [name for name in updaters if name.startswith("grow_gpu_")]
    if linear:
        message, outcome = f"the updater {linear[0]} is for the booster gblinear", Effect.FAILS
    elif on_gpu:
        message, outcome = f"the updater {on_gpu[0]} is none for people to choose", Effect.CONTAINER
    elif not updaters:
        message, outcome = "no updater is named", Effect.FAILS
    elif updaters[0] in ("refresh", "prune"):
        message, outcome = (
            f"the updater {updaters[0]} changes trees, and there are none before one grows",
            Effect.FAILS,
        )
    elif not growing:
        message, outcome = f"the updater {updaters[0]} grows no trees: {Effect.CONSTANT}", Effect.CONSTANT
    elif len(growing) > 1:
        message, outcome = f"several updaters grow trees: {', '.join(growing)}", Effect.CONTAINER
    else:
        return
    allowed = f"one of {', '.join(GROWING)} first, then refresh, prune or sync"
    yield Found("updater", message, outcome, allowed=allowed, advice="or leave it out, and set tree_method")


def _update(setting: Setting) -> Iterator[Found]:
    if word(setting, "process_type") == "update" and not _is_linear(setting):
        message = "process_type update changes the trees of an earlier model, and a training here begins without one"
        yield Found("process_type", message, Effect.FAILS, allowed="default")


def _depth(setting: Setting) -> Iterator[Found]:
    if _is_exact(setting) and finite(setting.get("max_depth")) == 0:
        message = "the exact algorithm needs a limit of the depth"
        advice = "or use tree_method: hist, where 0 is no limit"
        yield Found("max_depth", message, Effect.FAILS, allowed="at least 1", advice=advice)


def _sampling(setting: Setting) -> Iterator[Found]:
    share = finite(setting.get("subsample", 1))
    if _is_exact(setting) and word(setting, "sampling_method") == "gradient_based" and share is not None and share < 1:
        message, advice = "the exact algorithm samples uniformly only", "use tree_method: hist"
        yield Found("sampling_method", message, Effect.FAILS, allowed="uniform", advice=advice)


def _columns(setting: Setting) -> Iterator[Found]:
    share = finite(setting.get("colsample_bynode", 1))
    if _is_exact(setting) and share is not None and share < 1:
        message, advice = "the exact algorithm does not choose columns by node", "use tree_method: hist"
        yield Found("colsample_bynode", message, Effect.FAILS, allowed="1", advice=advice)


def _vector_leaves(setting: Setting) -> Iterator[Found]:
    """Whether trees' leaves have a value for each class."""
    if word(setting, "multi_strategy") != "multi_output_tree" or _is_linear(setting):
        return
    if word(setting, "booster") == "dart":
        yield Found("booster", "dart has no trees of several outputs", Effect.FAILS, advice="use gbtree")
        return
    if (method := word(setting, "tree_method", "auto")) not in ("auto", "hist", "gpu_hist"):
        message = f"the tree_method {method} has no trees of several outputs"
        yield Found("tree_method", message, Effect.FAILS, allowed="hist or auto")
    elif objective_of(setting)[0].startswith("multi:"):
        yield from _of_several_classes(setting)


def _of_several_classes(setting: Setting) -> Iterator[Found]:
    for name in ("monotone_constraints", "interaction_constraints"):
        if word(setting, name).strip("()[] "):
            message = f"trees of several outputs take no {name}"
            yield Found(name, message, Effect.FAILS, advice="use multi_strategy: one_output_per_tree")
    other = [name for name in _updaters(setting) if name not in ("grow_quantile_histmaker", "sync")]
    if other:
        # prune reads beside such trees: in some runs it fails, in others it does not.
        outcome = Effect.DOUBTFUL if other == ["prune"] else Effect.FAILS
        message = f"the updater {other[0]} is not made for trees of several outputs"
        yield Found("updater", message, outcome, allowed="grow_quantile_histmaker")


CLASHES = (
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
