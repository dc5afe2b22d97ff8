"""The entry point for messages of queue `snapshot`, many at a time, which become tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.component_search import ComponentSearch
from gridwatch.aws.job_folders import profile_source
from gridwatch.aws.price_table import deployed_prices
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.report_bucket import ReportBucket
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.table_bucket import S3TableBucket
from gridwatch.aws.tensor_folder import S3MetricRecord
from gridwatch.aws.tensor_source import job_source, log_source
from gridwatch.aws.unreadable_records import telling
from gridwatch.domain.jobs import JobRecord
from gridwatch.events.sqs import partial_response
from gridwatch.savings.prices import PriceTable
from gridwatch.settings import read_settings
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.tensors.source import TensorSource
from snapshot_experiment.batch import BatchRunner
from snapshot_experiment.curve_table import LogStreams
from snapshot_experiment.history import History
from snapshot_experiment.live import LiveTables
from snapshot_experiment.publishing import ReportPublisher
from snapshot_experiment.requests import parse_batch
from snapshot_experiment.searching import SearchReader
from snapshot_experiment.settings import Settings
from snapshot_experiment.snapshot import SnapshotReport, SnapshotWriter
from snapshot_experiment.turns import Turns

logger = Logger(service="snapshot_experiment")
metrics = Metrics(namespace="Gridwatch", service="snapshot_experiment")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn an SQS event into a partial batch response; a schedule's event is accepted too."""
    runner = BatchRunner(
        snapshots=_writer(),
        history=History(S3TableBucket(read_settings(Settings).artifacts_bucket)),
        journal=LogJournal(),
        clock=SystemClock(),
        request_id=context.aws_request_id,
        time_left=_seconds_left(context),
        live=_live(),
        turns=Turns(store=_store(), queue=_queue(), clock=SystemClock(), holder=context.aws_request_id),
    )
    return partial_response(runner.run(parse_batch(event)))


class LogJournal:
    """Reports snapshots in the log and the metrics."""

    def taken(self, report: SnapshotReport) -> None:
        logger.info(
            "snapshot taken",
            experiment=report.experiment,
            snapshot_id=report.snapshot_id,
            rows=dict(report.row_counts),
            complete=report.complete,
            unread=report.unread,
        )
        for damage in report.damaged:
            logger.warning("tensors or stops could not be read", experiment=report.experiment, damage=damage)
        if report.search_error:
            logger.warning("Search could not be read", experiment=report.experiment, reason=report.search_error)
        metrics.add_metric("SnapshotTaken", MetricUnit.Count, 1)

    def day_closed(self, rows: int) -> None:
        logger.info("history of yesterday written", rows=rows)

    def refused(self, subject: str, reason: str) -> None:
        logger.error("snapshot refused", subject=subject, reason=reason)
        metrics.add_metric("SnapshotRefused", MetricUnit.Count, 1)

    def failed(self, subject: str, error: Exception) -> None:
        logger.error("snapshot failed", subject=subject, exc_info=error)
        metrics.add_metric("SnapshotFailed", MetricUnit.Count, 1)


@cache
def _queue() -> SqsQueue:
    return SqsQueue(read_settings(Settings).snapshot_queue_url)


@cache
def _live() -> LiveTables:
    return LiveTables(_queue())


@cache
def _store() -> StateTable:
    return StateTable(read_settings(Settings).state_table, noted=telling(logger.error))


@cache
def _writer() -> SnapshotWriter:
    settings = read_settings(Settings)
    bucket = settings.artifacts_bucket
    store = _store()

    def open_tensors(job_name: str, job: JobRecord | None) -> TensorSource:
        return job_source(bucket, job_name, job.tensors_uri if job else None)

    def open_profile(job_name: str) -> TensorSource:
        job = store.get_job(job_name)
        return profile_source(bucket, job_name, job.tensors_uri if job else None)

    tables = S3TableBucket(bucket)
    positions = S3MetricRecord(bucket)
    return SnapshotWriter(
        store=store,
        open_tensors=open_tensors,
        logs=LogStreams(
            lambda job_name: log_source(bucket, job_name), lambda job_name: positions.position(job_name).closed
        ),
        search=SearchReader(ComponentSearch(), tables),
        bucket=tables,
        prices=lambda: _prices(settings.experiments_bucket),
        alerts=AlertOutbox(store, SqsQueue(settings.alert_queue_url)),
        reports=ReportPublisher(ReportBucket(bucket), open_profile, lambda: _prices(settings.experiments_bucket)),
    )


def _prices(bucket: str) -> PriceTable:
    return deployed_prices(bucket, logger.error)


def _seconds_left(context: LambdaContext) -> Callable[[], float]:
    return lambda: context.get_remaining_time_in_millis() / 1000
