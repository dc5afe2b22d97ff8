"""The sources of a job's metrics."""

from __future__ import annotations

from enum import StrEnum


class MetricSource(StrEnum):
    """Whose points they are."""

    HOOK = "hook"  # saved by the hook in the training container
    LOG = "log"  # found in the job's log by its MetricDefinitions
    SAGEMAKER = "sagemaker"  # the last value alone, as DescribeTrainingJob has it

    @property
    def step_axis(self) -> str:
        """What its steps count: global steps of the training, lines of the log with a metric, or nothing."""
        return {MetricSource.HOOK: "step", MetricSource.LOG: "line", MetricSource.SAGEMAKER: "end"}[self]
