"""The definition of a metric in a job's log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMetric:
    """One of a job's MetricDefinitions. The first group of its regular expression is the metric's value in a line of
    the log.
    """

    name: str
    regex: str
