"""Checks of XGBoost's evaluation metrics, and of the objective, which is one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gridwatch.spec.metrics import CHANNELS, MAX_DEFINITIONS, evaluation_metrics, reported_metrics
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, enumerated, shown
from gridwatch.spec.search_space import factors_of
from gridwatch.spec.settings import Settings
from gridwatch.spec.xgboost.metrics import METRICS, canonical, metric_of
from gridwatch.spec.xgboost.settings import metrics_in, metrics_of
from gridwatch_rules.suggestions import closest

# What other libraries call the data that is not trained on.
_OF_VALIDATION = frozenset({"dev", "eval", "evaluation", "val", "valid", "validate", "validations"})
_OF_TRAINING = frozenset({"fit", "learn", "training"})
_RANKED = {"precision": "pre", "p": "pre", "mean_average_precision": "map"}  # as ranking libraries have them
_RUN_TOGETHER = re.compile(r"([a-z-]+?)[ _]?@?[ _]?([0-9.]+)(-?)")
_NAMING = (
    "eval_metric", "objective", "tweedie_variance_power", "lambdarank_pair_method", "lambdarank_num_pair_per_sample",
)  # fmt: skip


def meant_by(channel: str) -> str | None:
    """The channel that was probably meant by another name."""
    if channel in CHANNELS:
        return None
    if channel.casefold() in _OF_TRAINING:
        return "train"
    return "validation" if channel.casefold() in _OF_VALIDATION else closest(channel, CHANNELS)


def check_metrics(spec: ExperimentSpec) -> Iterator[Problem]:
    yield from _names(spec)
    asked = evaluation_metrics(spec.hyperparameters, factors_of(spec))
    metrics = [name for name in asked if canonical(name) is not None]
    reported = reported_metrics(metrics, list(spec.data))
    if len(reported) > MAX_DEFINITIONS:
        allowed = f"{MAX_DEFINITIONS} over all channels"
        yield Problem(path=_path(spec), message="too many metrics", found=str(len(reported)), allowed=allowed)
    # One of the names that are no metrics may be meant for it: they are reported themselves.
    may_be_meant = len(metrics) < len(asked) and spec.objective.metric.partition("-")[0] in spec.data
    if spec.objective.metric not in reported and not may_be_meant:
        yield Problem(
            path=("objective", "metric"), message="the training jobs do not report this metric",
            found=shown(spec.objective.metric), allowed=enumerated(reported), advice=_reported(spec, reported),
        )  # fmt: skip


def warn_of_metrics(spec: ExperimentSpec) -> Iterator[Problem]:
    """Warnings about an objective that some trials report and others do not."""
    channels = list(spec.data)
    settings = list(Settings(spec).of(_NAMING))
    without = [
        setting
        for setting in settings
        if spec.objective.metric
        not in reported_metrics([canonical(name) or name for name in metrics_of(setting)], channels)
    ]
    if without and len(without) < len(settings):
        told = ", ".join(f"{name} {value}" for name, value in without[0].items() if name in factors_of(spec))
        message = f"trials with {told} do not report this metric, and are compared with none"
        advice = "say eval_metric, so that all report the same"
        yield Problem(path=("objective", "metric"), message=message, found=shown(spec.objective.metric), advice=advice)


def _path(spec: ExperimentSpec) -> Path:
    return ("grid", "eval_metric") if "eval_metric" in factors_of(spec) else ("hyperparameters", "eval_metric")


def _names(spec: ExperimentSpec) -> Iterator[Problem]:
    values = factors_of(spec).get("eval_metric") or [spec.hyperparameters.get("eval_metric", "")]
    for name in dict.fromkeys(name for value in values for name in metrics_in(str(value))):
        rightly = canonical(name)
        if rightly is None:
            yield _no_metric(_path(spec), name)
        elif rightly != name:
            message = "XGBoost prints this metric by another name, so that no value of it is found"
            advice = f"write {rightly}"
            yield Problem(path=_path(spec), message=message, found=shown(name), allowed=rightly, advice=advice)


def _no_metric(path: Path, name: str) -> Problem:
    metric = metric_of(name)
    if metric is not None and _spelt(name) is None and name.partition("@")[0].removesuffix("-") in METRICS:
        allowed = f"after the name {metric.suffix}"
        return Problem(path=path, message="is no metric of XGBoost", found=shown(name), allowed=allowed)
    several = [part for part in name.split() if canonical(part) is not None]
    meant = ", ".join(several) if len(several) > 1 else _spelt(name) or closest(name, METRICS)
    advice = f"did you mean {meant}?" if meant else None
    return Problem(
        path=path, message="is no metric of XGBoost", found=shown(name), allowed=enumerated(METRICS), advice=advice
    )


def _spelt(name: str) -> str | None:
    """The metric that was probably meant where a name and its parameter are run together or the name is another
    library's: error0.7, ndcg10, precision@5.
    """
    found = _RUN_TOGETHER.fullmatch(name.strip().casefold())
    if found is None:
        return None
    base = _RANKED.get(found[1], found[1])
    number = found[2].removesuffix(".0")
    return canonical(f"{base}@{number}{found[3]}")


def _reported(spec: ExperimentSpec, reported: tuple[str, ...]) -> str | None:
    """The advice for an objective that no job reports: its channel, its spelling or eval_metric may be wrong."""
    given = spec.objective.metric.replace(":", "-")
    channel, _, metric = given.partition("-")
    meant = channel if channel in CHANNELS else meant_by(channel)
    if meant is None:
        bare = [name for name in reported if name.partition("-")[2] == canonical(given)]
        if bare:
            return f"did you mean {bare[-1]}?"
        if channel == "test":
            return "XGBoost reports the channels train and validation: give the test's data as validation"
        near = closest(given, reported)
        return f"did you mean {near}?" if near else None
    if meant not in spec.data:
        there = ", ".join(spec.data) or "none"
        return f"there is no channel {meant}: add it, or judge by a metric of another channel; the channels are {there}"
    if f"{meant}-{metric}" in reported:
        return f"did you mean {meant}-{metric}?"
    rightly = canonical(metric)
    if rightly is not None and f"{meant}-{rightly}" in reported:
        return f"XGBoost prints it as {meant}-{rightly}"
    if rightly is not None:
        return f"add {rightly} to eval_metric"
    near = closest(metric, [name.partition("-")[2] for name in reported if name.startswith(f"{meant}-")])
    return f"did you mean {meant}-{near}?" if near else None
