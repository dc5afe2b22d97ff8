"""The service sagemaker-metrics: values written to and read from a trial component or a training job."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gridwatch.localcloud.sagemaker.entities import EntityStore
from gridwatch.localcloud.sagemaker.records import MetricSeries
from gridwatch.localcloud.sagemaker.state import JobStore

Point = tuple[float, float, int | None]


class TimeSeries:
    """BatchPutMetrics and BatchGetMetrics."""

    def __init__(self, jobs: JobStore, components: EntityStore) -> None:
        self._jobs = jobs
        self._components = components

    def put(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Append values to a component; each item that cannot be kept is an error of its own."""
        entity = self._components.get(request["TrialComponentName"])
        series = {item.name: item for item in entity.metrics}
        errors = []
        for index, item in enumerate(request["MetricData"]):
            if not math.isfinite(item["Value"]):
                errors.append({"Code": "VALIDATION_ERROR", "MetricIndex": index})
                continue
            known = series.get(item["MetricName"], MetricSeries(item["MetricName"]))
            point = (float(item["Timestamp"]), float(item["Value"]), item.get("Step"))
            series[known.name] = replace(known, points=(*known.points, point))
        self._components.put(replace(entity, metrics=tuple(series.values())))
        return {"Errors": errors} if errors else {}

    def get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"MetricQueryResults": [self._query(query) for query in request["MetricQueries"]]}

    def _query(self, query: Mapping[str, Any]) -> dict[str, Any]:
        points = self._points(query["ResourceArn"], query["MetricName"])
        if points is None:
            return {
                "Status": "ValidationError",
                "Message": "No such resource or metric",
                "XAxisValues": [],
                "MetricValues": [],
            }
        by_step = query["XAxisType"] == "IterationNumber"
        axis = [
            (step if step is not None else number) if by_step else int(time)
            for number, (time, _, step) in enumerate(points)
        ]
        first, last = query.get("Start", -math.inf), query.get("End", math.inf)
        groups: dict[int, list[float]] = {}
        for x, (_, value, _) in zip(axis, points, strict=True):
            if first <= x <= last:
                groups.setdefault(x, []).append(value)
        values = [_statistic(query["MetricStat"], group) for group in groups.values()]
        return {"Status": "Complete", "XAxisValues": list(groups), "MetricValues": values}

    def _points(self, arn: str, metric: str) -> Sequence[Point] | None:
        holders: list[tuple[str, Sequence[MetricSeries]]] = [(job.arn, job.metrics) for job in self._jobs.all()]
        holders += [(entity.arn, entity.metrics) for entity in self._components.all()]
        for holder, all_series in holders:
            if holder == arn:
                return next((series.points for series in all_series if series.name == metric), None)
        return None


def _statistic(name: str, values: Sequence[float]) -> float:
    if name == "StdDev":
        return MetricSeries("", tuple((0.0, value, None) for value in values)).summary()["StdDev"]
    whole: dict[str, Callable[[Sequence[float]], float]] = {"Min": min, "Max": max, "Count": len, "Last": _last}
    return float(whole[name](values)) if name in whole else math.fsum(values) / len(values)


def _last(values: Sequence[float]) -> float:
    return values[-1]
