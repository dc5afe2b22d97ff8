"""Which metrics XGBoost's training jobs report, and how SageMaker finds them in the log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridwatch.spec.xgboost_parameters import DEFAULT_METRICS, DEFAULT_OBJECTIVE

MAX_DEFINITIONS = 40  # AlgorithmSpecification, MetricDefinitions
_NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"


def evaluation_metrics(hyperparameters: Mapping[str, Any], factors: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """The metrics of any trial: `eval_metric` where it is given (also as a factor), else the objectives' own."""
    asked = _values("eval_metric", hyperparameters, factors)
    if asked:
        names: Iterator[str] = (name.strip() for value in asked for name in str(value).split(","))
    else:
        objectives = _values("objective", hyperparameters, factors) or [DEFAULT_OBJECTIVE]
        names = (DEFAULT_METRICS[str(value)] for value in objectives if str(value) in DEFAULT_METRICS)
    return tuple(dict.fromkeys(name for name in names if name))


def reported_metrics(metrics: Sequence[str], channels: Sequence[str]) -> tuple[str, ...]:
    """`train-<metric>`, and `validation-<metric>` when there is a validation channel."""
    sets = [name for name in ("train", "validation") if name in channels]
    return tuple(f"{name}-{metric}" for name in sets for metric in metrics)


def metric_definitions(reported: Sequence[str]) -> list[dict[str, str]]:
    """SageMaker's MetricDefinitions for XGBoost's lines, `[0]<tab>train-error:0.15970<tab>validation-error:…`.

    The container writes the tab as `#011`, Python prints a tab; both are found.
    """
    return [
        {"Name": name, "Regex": rf"\[[0-9]+\].*(?:\t|#011){re.escape(name)}:({_NUMBER})"}
        for name in reported[:MAX_DEFINITIONS]
    ]


def _values(name: str, hyperparameters: Mapping[str, Any], factors: Mapping[str, Sequence[Any]]) -> list[Any]:
    return list(factors[name]) if name in factors else [hyperparameters[name]] if name in hyperparameters else []
