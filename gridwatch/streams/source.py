"""The sources of a job's metrics. Each source has a folder, a name space and a step axis of its own.

Each metric is taken from one source, which the job's record decides before the job begins and not by which data happen
to exist, so that tables, rules across trials and current values follow the same curve.
"""

from __future__ import annotations

from gridwatch.domain.jobs import JobRecord
from gridwatch_rules.streams.metric_source import MetricSource


def sources_of(job: JobRecord) -> tuple[MetricSource, ...]:
    """The sources that have a folder, in the order in which rules look at them."""
    return (MetricSource.HOOK, MetricSource.LOG) if reads_log_apart(job) else (MetricSource.HOOK,)


def reads_log_apart(job: JobRecord) -> bool:
    """Whether metrics from the log go to the log's own folder; in records of former versions they do not."""
    return job.log_apart and bool(job.log_metrics)


def source_of(job: JobRecord, metric: str) -> MetricSource:
    """The one source from which this metric of the job is taken.

    It is the log where the job's MetricDefinitions name the metric, since SageMaker takes its own values from there;
    otherwise the hook. For Gridwatch's XGBoost script, whose hook saves what it prints, it is the hook, which is sooner
    and has all digits.
    """
    if not reads_log_apart(job) or job.log_repeats_hook:
        return MetricSource.HOOK
    named = any(each.name == metric for each in job.log_metrics)
    return MetricSource.LOG if named else MetricSource.HOOK
