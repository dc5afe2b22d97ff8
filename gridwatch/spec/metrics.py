"""The metrics that XGBoost's training jobs report, and the expressions by which SageMaker finds them in the log."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridwatch.spec.builtin_algorithms import BUILT_IN
from gridwatch.spec.search_space import factors_of
from gridwatch.spec.xgboost.metrics import canonical
from gridwatch.spec.xgboost.settings import metrics_of

if TYPE_CHECKING:
    from gridwatch.spec.model import ExperimentSpec

MAX_DEFINITIONS = 40  # AlgorithmSpecification, MetricDefinitions
CHANNELS = ("train", "validation")  # what the metrics are computed on
# What the default metric's name depends on.
_NAMING = (
    "eval_metric", "objective", "tweedie_variance_power", "lambdarank_pair_method", "lambdarank_num_pair_per_sample",
)  # fmt: skip
_NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"


def evaluation_metrics(hyperparameters: Mapping[str, Any], factors: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """The metrics of any trial, as XGBoost prints them: those of `eval_metric`, else the objective's own."""
    names: Iterator[str] = itertools.chain.from_iterable(map(metrics_of, _settings(hyperparameters, factors)))
    return tuple(dict.fromkeys(canonical(name) or name for name in names))


def reported_metrics(metrics: Sequence[str], channels: Sequence[str]) -> tuple[str, ...]:
    """The metrics `train-<metric>`, and `validation-<metric>` when there is a validation channel."""
    sets = [name for name in CHANNELS if name in channels]
    return tuple(f"{name}-{metric}" for name in sets for metric in metrics)


def reported_by(spec: ExperimentSpec) -> tuple[str, ...]:
    """The metrics that the jobs of a spec are known to report: by its expressions, or as AWS documents them."""
    if spec.algorithm.is_own_xgboost:
        return reported_metrics(evaluation_metrics(spec.hyperparameters, factors_of(spec)), list(spec.data))
    built_in = BUILT_IN.get(spec.algorithm.name or "")
    return built_in.metrics if built_in is not None else tuple(spec.algorithm.metrics)


def metric_definitions(reported: Sequence[str]) -> list[dict[str, str]]:
    """SageMaker's MetricDefinitions for XGBoost's lines, `[0]<tab>train-error:0.15970<tab>validation-error:…`.

    The container writes the tab as `#011`, Python prints a tab; both are found.
    """
    return [
        {"Name": name, "Regex": rf"\[[0-9]+\].*(?:\t|#011){re.escape(name)}:({_NUMBER})"}
        for name in reported[:MAX_DEFINITIONS]
    ]


def _settings(hyperparameters: Mapping[str, Any], factors: Mapping[str, Sequence[Any]]) -> Iterator[Mapping[str, Any]]:
    choices = {name: list(dict.fromkeys(factors[name])) for name in _NAMING if name in factors}
    static = {name: hyperparameters[name] for name in _NAMING if name in hyperparameters}
    for values in itertools.product(*choices.values()):
        yield static | dict(zip(choices, values, strict=True))
