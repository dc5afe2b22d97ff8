"""What must hold of a spec that trains SageMaker's XGBoost with Gridwatch's own script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gridwatch.spec.metrics import MAX_DEFINITIONS, evaluation_metrics, reported_metrics
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown
from gridwatch.spec.search_space import is_hyperparameter, names_of, varied
from gridwatch.spec.xgboost_parameters import (
    ALIASES,
    CONTAINER_METRICS,
    FORMER,
    IGNORED,
    METRICS,
    PARAMETERS,
    known_metric,
)


def check_xgboost(spec: ExperimentSpec) -> Iterator[Problem]:
    yield from _hyperparameters(spec)
    yield from _metrics(spec)


def warn_of_xgboost(spec: ExperimentSpec) -> Iterator[Problem]:
    for path, name, _ in _all_values(spec):
        if name in IGNORED:
            yield Problem(path=path, message="is no longer used by XGBoost 3", advice="leave it out")
    rounds = [value for value in _given(spec, "num_round") if isinstance(value, int)]
    for name, collection in spec.collect.items():
        if rounds and (collection.save_interval or 0) >= max(rounds):
            path = ("collect", name, "save_interval")
            message = f"of {max(rounds)} rounds only the first is saved: rules that look at {name} see nothing more"
            yield Problem(path=path, message=message, found=str(collection.save_interval), advice="save more often")
    if "validation" not in spec.data:
        yield Problem(path=("data",), message="there is no validation channel: only training metrics are reported")


def _hyperparameters(spec: ExperimentSpec) -> Iterator[Problem]:
    names = [*spec.hyperparameters, *(name for name in spec.factors if name not in spec.hyperparameters)]
    for path, name in _all_names(spec):
        if name not in PARAMETERS and name not in IGNORED:
            alias = ALIASES.get(name)
            advice = f"SageMaker calls it {alias}" if alias else FORMER.get(name) or did_you_mean(name, PARAMETERS)
            message = "is no hyperparameter of SageMaker's XGBoost"
            yield Problem(path=path, message=message, allowed=enumerated(PARAMETERS, 100), advice=advice)
    for path, name, value in _all_values(spec):
        yield from _value(path, name, value)
    if "num_round" not in names:
        yield Problem(path=("hyperparameters",), message="num_round is missing", advice="say how many rounds to train")
    objectives = _given(spec, "objective")
    if any(str(value).startswith("multi:") for value in objectives) and "num_class" not in names:
        yield Problem(path=("hyperparameters",), message="num_class is missing", advice="multi: objectives need it")


def _value(path: Path, name: str, value: Any) -> Iterator[Problem]:
    kind = PARAMETERS.get(name) or IGNORED.get(name)
    if kind is not None and not kind.accepts(value):
        advice = FORMER.get(str(value)) or did_you_mean(str(value), kind.allowed.split(", "))
        yield Problem(
            path=path,
            message="XGBoost does not take this value",
            found=shown(value),
            allowed=kind.allowed,
            advice=advice,
        )


def _metrics(spec: ExperimentSpec) -> Iterator[Problem]:
    metrics = evaluation_metrics(spec.hyperparameters, spec.factors)
    path: Path = ("grid", "eval_metric") if "eval_metric" in spec.factors else ("hyperparameters", "eval_metric")
    all_metrics = (*METRICS, *CONTAINER_METRICS)
    for name in metrics:
        if not known_metric(name):
            yield Problem(
                path=path, message="is no metric of XGBoost", found=shown(name), allowed=enumerated(all_metrics),
                advice=did_you_mean(name, all_metrics),
            )  # fmt: skip
    reported = reported_metrics(metrics, list(spec.data))
    if len(reported) > MAX_DEFINITIONS:
        allowed = f"{MAX_DEFINITIONS} over all channels"
        yield Problem(path=path, message="too many metrics", found=str(len(reported)), allowed=allowed)
    if spec.objective.metric not in reported:
        yield Problem(
            path=("objective", "metric"), message="the training jobs do not report this metric",
            found=shown(spec.objective.metric), allowed=enumerated(reported),
            advice=did_you_mean(spec.objective.metric.replace(":", "-"), reported),
        )  # fmt: skip


def _all_names(spec: ExperimentSpec) -> Iterator[tuple[Path, str]]:
    yield from ((("hyperparameters", name), name) for name in spec.hyperparameters)
    yield from ((path, name) for path, name in names_of(spec) if is_hyperparameter(name))


def _all_values(spec: ExperimentSpec) -> Iterator[tuple[Path, str, Any]]:
    yield from ((("hyperparameters", name), name, value) for name, value in spec.hyperparameters.items())
    yield from ((path, name, value) for path, name, value in varied(spec) if is_hyperparameter(name))


def _given(spec: ExperimentSpec, name: str) -> Sequence[Any]:
    return spec.factors.get(name) or [value for key, value in spec.hyperparameters.items() if key == name]
