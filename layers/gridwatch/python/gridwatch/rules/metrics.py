"""Which way a metric is better. A metric that rises as the model gets better is never a loss."""

from __future__ import annotations

import re

# Of XGBoost's evaluation metrics (its documentation, "Learning Task Parameters") and scikit-learn's scorers; Keras and
# torchmetrics use the same words.
_SCORES = frozenset(
    {"acc", "accuracy", "ap", "auc", "aucpr", "auprc", "auroc", "bleu", "dice", "f1", "f1score", "f2", "fbeta", "gini"}
    | {"iou", "jaccard", "kappa", "map", "mcc", "mrr", "ndcg", "pearson", "pre", "precision", "psnr", "r2", "r2score"}
    | {"recall", "roc", "rouge", "sensitivity", "spearman", "specificity", "ssim", "tnr", "tpr"}
)
_LOSSES = frozenset(
    {
        "bce",
        "brier",
        "ce",
        "deviance",
        "entropy",
        "error",
        "fnr",
        "fpr",
        "hinge",
        "mae",
        "mape",
        "merror",
        "mphe",
        "mse",
    }
    | {"nll", "nloglik", "perplexity", "rmse", "rmsle"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")


def is_score(name: str) -> bool:
    """Whether a metric is better when it is higher, by its name: `validation-auc`, `ndcg@10`, `val_accuracy`, `r2`."""
    words = [word.lower() for word in _WORD.findall(name.rpartition("/")[2])]
    if any(word in _LOSSES or word.endswith("loss") for word in words):
        return False
    return any(word in _SCORES for word in words)
