"""What Gridwatch's XGBoost script saves through its hook: tensors, and collections by pattern.

The same is defined in `gridwatch_hook.collection`, `.metrics` and `.xgboost`, which run in the container and import
nothing of this package; one test holds the two together, and another trains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch.preflight.foreseen import Foreseen, Kind, Saving
from gridwatch.spec.metrics import evaluation_metrics, reported_metrics
from gridwatch.spec.xgboost.metrics import RISING
from gridwatch_rules.tensors.collections import Collection

INTERVAL = 10  # rounds between two that are saved, of a collection that does not say
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "default": (),
    "metrics": (r"^[^/]+-[^/]+$",),
    "losses": (rf"^(?!.*-(?:{'|'.join(RISING)})(?:@[^-/]*)?-?$)[^/]+-[^/]+$",),
    "hyperparameters": (r"^hyperparameters/.*$",),
    "predictions": (r"^predictions$",),
    "labels": (r"^labels$",),
    "feature_importance": (r"^feature_importance/.*",),
    "average_shap": (r"^average_shap/(?!bias$).*",),
    "full_shap": (r"^full_shap/(?!bias$).*",),
    "trees": (r"^trees/.*",),
}
IMPORTANCES = ("weight", "gain", "cover", "total_gain", "total_cover")
TREES: Mapping[str, Kind] = {
    "Tree": Kind.NUMBERS, "Node": Kind.NUMBERS, "ID": Kind.TEXT, "Feature": Kind.TEXT, "Split": Kind.NUMBERS,
    "Yes": Kind.TEXT, "No": Kind.TEXT, "Missing": Kind.TEXT, "Gain": Kind.NUMBERS, "Cover": Kind.NUMBERS,
    "Category": Kind.TEXT,
}  # fmt: skip


def hook_saves(point: Mapping[str, Any], channels: Sequence[str], document: Mapping[str, Any], rounds: int) -> Foreseen:
    """What a trial's hook saves, by its configuration document."""
    return Foreseen(_tensors(point, channels), _collections(document), rounds)


def metrics_of(point: Mapping[str, Any], channels: Sequence[str]) -> tuple[str, ...]:
    """The metrics that a trial reports."""
    return reported_metrics(evaluation_metrics(point, {}), channels)


def _tensors(point: Mapping[str, Any], channels: Sequence[str]) -> dict[str, Kind]:
    """The tensors by name. Features are called f0, f1, …; how many there are is not known."""
    found = dict.fromkeys(metrics_of(point, channels), Kind.SCALAR)
    found |= {f"hyperparameters/{name}": Kind.TEXT for name in point}
    if "validation" in channels:
        found |= {"predictions": Kind.CLASSES, "labels": Kind.CLASSES}
    linear = point.get("booster") == "gblinear"
    for feature in ("f0", "f1", "f2", "f3", "f4"):
        kinds = IMPORTANCES[:1] if linear else IMPORTANCES
        found |= {f"feature_importance/{kind}/{feature}": Kind.SCALAR for kind in kinds}
        found |= {f"average_shap/{feature}": Kind.SCALAR, f"full_shap/{feature}": Kind.NUMBERS}
    return found if linear else found | {f"trees/{column}": kind for column, kind in TREES.items()}


def _collections(document: Mapping[str, Any]) -> dict[str, tuple[Collection, Saving]]:
    hook = document.get("HookParameters", {})
    asked = {
        each["CollectionName"]: each.get("CollectionParameters", {})
        for each in document.get("CollectionConfigurations", ())
    }
    names = dict.fromkeys(("metrics", *asked))
    if hook.get("include_regex"):
        names["default"] = None
    if str(hook.get("save_all", "")).lower() == "true" or "all" in names:
        names |= dict.fromkeys(PATTERNS)
    return {name: _collection(name, asked.get(name, {}), hook) for name in names}


def _collection(name: str, own: Mapping[str, str], hook: Mapping[str, str]) -> tuple[Collection, Saving]:
    patterns = [*PATTERNS.get(name, ()), *([".*"] if name == "all" else [])]
    patterns += [own["include_regex"]] if own.get("include_regex") else []
    patterns += [hook["include_regex"]] if name == "default" and hook.get("include_regex") else []
    listed = frozenset(part.strip() for part in own.get("tensor_names", "").split(",") if part.strip())
    told = {key: value for key, value in own.items() if key.rpartition(".")[2] in _SCHEDULE}
    saving = Saving.of({**_inherited(hook), **told}, INTERVAL)
    return Collection(listed, tuple(re.compile(pattern) for pattern in patterns)), saving


_SCHEDULE = ("save_interval", "save_steps", "start_step", "end_step")


def _inherited(hook: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in hook.items() if key.rpartition(".")[2] in _SCHEDULE}
