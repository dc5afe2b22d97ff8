"""The entry point for `Object Created` events of specs, from EventBridge or through SQS; it records their trials."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.clients import client, region
from gridwatch.aws.experiment_bucket import S3ExperimentBucket
from gridwatch.aws.hook_store import S3HookStore
from gridwatch.aws.image_registry import image_version
from gridwatch.aws.price_table import deployed_prices
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.service_quotas import processing_instances
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.unreadable_records import telling
from gridwatch.events.spec_upload import SpecUpload, spec_upload, unwrapped
from gridwatch.launch.deployment import Deployment
from gridwatch.savings.prices import PriceTable
from gridwatch.settings import read_settings
from gridwatch_rules.clock import SystemClock
from launch_grid.missed import PATIENCE, missed_uploads
from launch_grid.platform import Accepted, Platform, UploadOutcome
from launch_grid.settings import Settings

MISSED_UPLOADS = "look for missed uploads"  # as infra/constructs/routing.py has the schedule say it
_RESERVE_MILLISECONDS = 30_000  # of the invocation: more than one spec takes

logger = Logger(service="launch_grid")
metrics = Metrics(namespace="Gridwatch", service="launch_grid")

_METRICS = {
    UploadOutcome.ACCEPTED: "SpecAccepted",
    UploadOutcome.REJECTED: "SpecRejected",
    UploadOutcome.SUPERSEDED: "SpecSuperseded",
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Accept each spec once. An error of AWS is raised, so that the event comes again."""
    accept_once = _accept_once(context)
    if event.get("task") == MISSED_UPLOADS:
        _accept_missed(accept_once, context)
        return
    for inner in unwrapped(event):
        metrics.add_metric("SpecEvent", MetricUnit.Count, 1)  # also when it is a repeated one
        upload = spec_upload(inner)
        if upload is None:
            logger.info("not a spec", event_id=inner.get("id"))
            continue
        accept_once(identity=_identity(upload), upload=upload, event_id=inner.get("id"))


def _accept_once(context: LambdaContext) -> Callable[..., Any]:
    config = IdempotencyConfig(lambda_context=context, expires_after_seconds=int(PATIENCE.total_seconds()))
    once: Callable[..., Any] = idempotent_function(
        _accept, data_keyword_argument="identity", persistence_store=_persistence(), config=config
    )
    return once


def _accept_missed(accept_once: Callable[..., Any], context: LambdaContext) -> None:
    """Accept the uploads that nobody answered. One that fails is found again at the next tick; a failure of its own
    event is reported by a dead letter.
    """
    bucket, clock = _platform().bucket, _platform().clock
    metrics.add_metric("UploadsLookedFor", MetricUnit.Count, 1)
    for upload in missed_uploads(bucket, clock.now()):
        if context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS:
            return
        logger.warning("an upload without an answer", spec_key=upload.key, spec_version=upload.version)
        try:
            accept_once(identity=_identity(upload), upload=upload, event_id=None)
        except Exception as error:  # the edge: one upload's failure is not the others'
            logger.error("the upload could not be accepted", spec_key=upload.key, exc_info=error)
            metrics.add_metric("MissedUploadFailed", MetricUnit.Count, 1)


def _identity(upload: SpecUpload) -> str:
    return f"{upload.bucket}/{upload.key}/{upload.version}"


def _accept(*, identity: str, upload: SpecUpload, event_id: str | None) -> str:
    # Imported with the first upload: the model of specs takes as long to import as all else together, and most calls,
    # which look for missed uploads, need none of it.
    from launch_grid.accept import accept  # noqa: PLC0415

    accepted = accept(upload, _platform())
    _report(accepted, upload, event_id)
    return f"{identity}: {accepted.outcome}"


def _report(accepted: Accepted, upload: SpecUpload, event_id: str | None) -> None:
    logger.info(
        "spec looked at",
        spec_key=upload.key,
        spec_version=upload.version,
        event_id=event_id,
        outcome=accepted.outcome,
        experiment=accepted.experiment,
        trials=accepted.trials,
        recorded=accepted.recorded,
        cancelled=accepted.cancelled,
        problems=accepted.problems,
    )
    metrics.add_metric(_METRICS[accepted.outcome], MetricUnit.Count, 1)
    if accepted.recorded:
        metrics.add_metric("TrialsRecorded", MetricUnit.Count, accepted.recorded)


@cache
def _prices() -> PriceTable:
    """Read with the first spec, and kept for as long as this instance of the function lives."""
    return deployed_prices(_settings().experiments_bucket, logger.error)


@cache
def _settings() -> Settings:
    return read_settings(Settings)


@cache
def _persistence() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(table_name=_settings().idempotency_table, boto3_client=client("dynamodb"))


@cache
def _platform() -> Platform:
    settings = _settings()
    store = StateTable(settings.state_table, noted=telling(logger.error))
    return Platform(
        deployment=Deployment(
            region=region(),
            name_prefix=settings.name_prefix,
            experiments_bucket=settings.experiments_bucket,
            artifacts_bucket=settings.artifacts_bucket,
            job_role_arn=settings.job_role_arn,
            xgboost_source_uri=settings.xgboost_source_uri,
            hook_source_uri=settings.hook_source_uri,
            hook_version=settings.hook_version,
            allowed_in_specs=tuple(filter(None, settings.allowed_in_specs.split(","))),
            custom_rule_sources=tuple(filter(None, settings.custom_rule_sources.split(","))),
        ),
        bucket=S3ExperimentBucket(settings.experiments_bucket),
        store=store,
        start_queue=SqsQueue(settings.start_queue_url),
        snapshot_queue=SqsQueue(settings.snapshot_queue_url),
        alerts=AlertOutbox(store, SqsQueue(settings.alert_queue_url)),
        clock=SystemClock(),
        prices=_prices,
        processing_instances=lambda: settings.processing_instances or processing_instances(),
        image=image_version,
        hooks=S3HookStore(),
    )
