"""The metrics that jobs of AWS's XGBoost images report by default, by objective and version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gridwatch.spec.xgboost.metrics import canonical
from gridwatch.spec.xgboost.objectives import OBJECTIVES, default_metric
from gridwatch.spec.xgboost.settings import metrics_in

# Names that later versions have dropped (XGBoost 0.83 deprecated reg:linear).
OLD_OBJECTIVES: Mapping[str, str] = {"reg:linear": "reg:squarederror"}
# Until XGBoost 1.3 (its release notes, "Default evaluation metric changed").
_BEFORE_1_3: Mapping[str, str] = {
    "binary:logistic": "error", "multi:softmax": "merror", "multi:softprob": "merror",
}  # fmt: skip
_LOGITRAW, _BEFORE_1_4 = "binary:logitraw", "auc"  # its release notes, #6647
# Until XGBoost 2.0, whose learning to rank was written anew, one class served all three.
_RANKING, _BEFORE_2 = ("rank:map", "rank:ndcg", "rank:pairwise"), "map"
_IMAGES = re.compile(r"/(sagemaker-xgboost|xgboost)(:|@|$)")


def is_xgboost(image: str) -> bool:
    """Whether the image is one of AWS's for XGBoost; the oldest is called `xgboost`."""
    return _IMAGES.search(image) is not None


def default_metric_of(setting: Mapping[str, Any], version: str) -> str:
    """The first metric of a job in an image of that version (`1.2-1`, `0.90-2-cpu-py3`, `latest`): the one asked for,
    else the objective's.
    """
    asked = metrics_in(str(setting.get("eval_metric", "")))
    if asked:
        return canonical(asked[0]) or asked[0]
    name = str(setting.get("objective", "reg:squarederror"))
    number = _number(version)
    if number < (1, 3) and name in _BEFORE_1_3:
        return _BEFORE_1_3[name]
    if number < (1, 4) and name == _LOGITRAW:
        return _BEFORE_1_4
    if number < (2, 0) and name in _RANKING:
        return _BEFORE_2
    return default_metric(setting) or (OBJECTIVES["reg:squarederror"].metric)


def _number(version: str) -> tuple[int, int]:
    """The version as a number; `latest` and `1` are the oldest image, of XGBoost 0.72."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 72)
