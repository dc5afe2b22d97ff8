"""Rows in the column layouts of the SageMaker Python SDK's analytics classes, for notebooks that were made for those.

The layouts are those of `sagemaker.analytics` in versions 2.257 and, unchanged, of `sagemaker.core.analytics` in 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

Row = Mapping[str, Any]

_STATISTICS = ("Min", "Max", "Avg", "StdDev", "Last", "Count")
_PERIOD = 60  # seconds over which TrainingJobAnalytics lets CloudWatch average


class Layout(StrEnum):
    """Which class of the SDK a layout belongs to."""

    EXPERIMENT = "experiment"  # ExperimentAnalytics: a row per trial component
    TUNING = "tuning"  # HyperparameterTuningJobAnalytics: a row per training job
    TRAINING = "training"  # TrainingJobAnalytics: a row per metric and minute of one job


def component_row(component: Mapping[str, Any]) -> Row:
    """ExperimentAnalytics' row for a trial component, as Search returns it. There, a parameter may hide a fixed
    column.
    """
    row: dict[str, Any] = {name: component.get(name, "") for name in ("TrialComponentName", "DisplayName")}
    if source := component.get("Source"):
        row["SourceArn"] = source["SourceArn"]
    for name, value in sorted((component.get("Parameters") or {}).items()):
        row[name] = value.get("NumberValue", value.get("StringValue"))
    for metric in component.get("Metrics") or ():
        shown = ((statistic, metric.get(statistic)) for statistic in _STATISTICS)
        row |= {f"{metric['MetricName']} - {name}": value for name, value in shown if value is not None}
    for kind in ("InputArtifacts", "OutputArtifacts"):
        for name, artifact in sorted((component.get(kind) or {}).items()):
            row[f"{name} - MediaType"] = artifact.get("MediaType")
            row[f"{name} - Value"] = artifact.get("Value")
    parents = component.get("Parents") or ()
    row["Trials"] = [parent["TrialName"] for parent in parents]
    row["Experiments"] = [parent["ExperimentName"] for parent in parents]
    return row


def tuning_rows(trials: Iterable[Row], tuned: Sequence[str]) -> Iterator[Row]:
    """HyperparameterTuningJobAnalytics' rows, made from rows of the table `trials` with decoded hyperparameters and
    times.

    `tuned` are the hyperparameters in which trials differ. Trials that never had a job are left out.
    """
    for trial in trials:
        if trial["status"] is None:
            continue
        began, ended = trial["started_at"], trial["ended_at"]
        row = {name: _number(trial["hyperparameters"][name]) for name in tuned if name in trial["hyperparameters"]}
        row |= {
            "TrainingJobName": trial["job_name"],
            "TrainingJobStatus": trial["status"],
            "FinalObjectiveValue": trial["objective_value"],
            "TrainingStartTime": began,
            "TrainingEndTime": ended,
        }
        if began and ended:
            row["TrainingElapsedTimeSeconds"] = (ended - began).total_seconds()
        yield row


def varied(trials: Sequence[Row]) -> list[str]:
    """The hyperparameters that differ between trials; for a single trial, all of them."""
    names = sorted({name for trial in trials for name in trial["hyperparameters"]})
    if len(trials) == 1:
        return names
    return [name for name in names if len({repr(trial["hyperparameters"].get(name)) for trial in trials}) > 1]


def training_rows(points: Iterable[tuple[str, datetime, float]]) -> Iterator[Row]:
    """TrainingJobAnalytics' rows, made from (name, time, value) of one job's metrics in the order of their names.

    As in CloudWatch, values are averaged by whole minutes; `timestamp` counts from the metric's first.
    """
    for name, group in groupby(sorted(points), key=lambda point: point[0]):
        minutes: dict[int, list[float]] = {}
        for _, at, value in group:
            minutes.setdefault(int(at.astimezone(UTC).timestamp()) // _PERIOD, []).append(value)
        first = min(minutes)
        for minute in sorted(minutes):
            values = minutes[minute]
            yield {
                "timestamp": float((minute - first) * _PERIOD),
                "metric_name": name,
                "value": math.fsum(values) / len(values),
            }


def _number(value: Any) -> Any:
    # As SageMaker has hyperparameters, all is text; the SDK makes of it a float where it can.
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
