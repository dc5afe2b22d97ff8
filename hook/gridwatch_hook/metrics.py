"""Tells evaluation metrics that rise when the model gets better from losses, which fall."""

from __future__ import annotations

# XGBoost's ranking and classification metrics that rise (doc/parameter.rst, eval_metric), and those that SageMaker's
# container adds.
RISING = (
    "accuracy", "ams", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro",
    "interval-regression-accuracy", "map", "ndcg", "pre", "precision", "precision_macro", "precision_micro", "r2",
    "recall", "recall_macro", "recall_micro",
)  # fmt: skip

# Names are `<evaluation set>-<metric>`; a metric may carry a threshold (`error@0.7`) and XGBoost's minus (`ndcg@10-`).
METRIC_PATTERN = r"^[^/]+-[^/]+$"
LOSS_PATTERN = rf"^(?!.*-(?:{'|'.join(RISING)})(?:@[^-/]*)?-?$)[^/]+-[^/]+$"


def rises(metric: str) -> bool:
    """Whether a metric is better when it is higher, by the name that XGBoost prints: `auc`, `ndcg@10-`, `map-`."""
    return metric.partition("@")[0].removesuffix("-") in RISING
