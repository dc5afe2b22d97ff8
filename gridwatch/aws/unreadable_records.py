"""Reports of records that cannot be read: in the functions' logs, and in one metric of all functions together."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from gridwatch.state.unreadable import Isolation, Noted, UnreadableRecordError

# infra/constructs/alarms.py watches it: one metric, whichever function came across the record.
METRIC = "RecordUnreadable"
SERVICE = "records"

LogError = Callable[..., None]  # a message and fields


def telling(log_error: LogError) -> Noted:
    """A callback that reports each unreadable record in a function's log, and counts it."""

    def noted(error: UnreadableRecordError) -> None:
        log_error("record cannot be read", record=error.place, reason=error.reason)
        _count(1)

    return noted


def report_broken(isolation: Isolation, log_error: LogError) -> None:
    """Report everything that was passed over in a function's log, and count it."""
    for subject, reason in isolation.broken.items():
        log_error("passed over: a record is damaged", subject=subject, reason=reason)
    if isolation.broken:
        _count(len(isolation.broken))


def _count(records: int) -> None:
    with single_metric(
        METRIC, MetricUnit.Count, records, namespace="Gridwatch", default_dimensions={"service": SERVICE}
    ):
        pass
