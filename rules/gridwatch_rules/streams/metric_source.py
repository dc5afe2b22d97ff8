"""The sources of a job's metrics."""

from __future__ import annotations

from enum import StrEnum


class MetricSource(StrEnum):
    """A source of points of a job's metrics."""

    HOOK = "hook"  # saved by the hook in the training container
    LOG = "log"  # found in the job's log with its MetricDefinitions
    SAGEMAKER = "sagemaker"  # only the last value, from DescribeTrainingJob

    @property
    def step_axis(self) -> str:
        """The unit of its steps: global steps of the training, lines of the log with a metric, or none."""
        return {MetricSource.HOOK: "step", MetricSource.LOG: "line", MetricSource.SAGEMAKER: "end"}[self]
