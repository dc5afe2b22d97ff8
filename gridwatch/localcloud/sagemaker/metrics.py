"""Reads metrics from a job's log by the MetricDefinitions' regular expressions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error
from gridwatch.localcloud.sagemaker.records import MetricSeries


class LogMetrics:
    """Collects values line by line; the first group of each expression is the value, as in SageMaker."""

    def __init__(self, definitions: Sequence[tuple[str, re.Pattern[str]]]) -> None:
        self._definitions = definitions
        self._points: dict[str, list[tuple[float, float, int | None]]] = {name: [] for name, _ in definitions}

    @classmethod
    def parse(cls, definitions: Sequence[Mapping[str, Any]]) -> "LogMetrics":
        """Compile the definitions of an AlgorithmSpecification. Raises ValidationException on a bad expression."""
        compiled = []
        for definition in definitions:
            try:
                expression = re.compile(definition["Regex"])
            except re.error as error:
                raise validation_error(f"Invalid regex for metric {definition['Name']}: {error}") from error
            compiled.append((definition["Name"], expression))
        return cls(compiled)

    def read(self, line: str, now: float) -> None:
        """Look for every metric in one line of the log."""
        for name, expression in self._definitions:
            for match in expression.finditer(line):
                value = _number(match.group(1) if expression.groups else match.group(0))
                if value is not None:
                    self._points[name].append((now, value, None))

    def series(self) -> tuple[MetricSeries, ...]:
        """The metrics that occurred, in the order of their definitions."""
        return tuple(MetricSeries(name, tuple(points)) for name, points in self._points.items() if points)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
