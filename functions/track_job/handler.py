"""The entry point for SageMaker's `Training Job State Change` events, through a queue or directly; they end on the
trials' records.

The sweep asks by `TrackJob` messages for what no event has told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.batch_training import training_service
from gridwatch.aws.checkpoints import S3Checkpoints
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.rule_sets import S3RuleSets
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tuning_service import SageMakerTuning
from gridwatch.aws.unreadable_records import telling
from gridwatch.events.batch_job import batch_job_change
from gridwatch.events.messages import TrackJob
from gridwatch.events.training_job import training_job_change
from gridwatch.events.tuning_job import tuning_job_change
from gridwatch.launch.linking import Linker
from gridwatch.launch.observation import is_terminal
from gridwatch.launch.paces import Pacing
from gridwatch.launch.repairing import Repairer
from gridwatch.launch.tracking import Tracker, TrackingOutcome
from gridwatch.launch.tuned_jobs import TunedJobs
from gridwatch.launch.tuning_tracking import TuningTracker
from gridwatch.launch.watching import Enroller
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.watching import WatchingTable, look_prices
from gridwatch.settings import read_settings
from gridwatch_rules.clock import SystemClock
from track_job.settings import Settings

logger = Logger(service="track_job")
metrics = Metrics(namespace="Gridwatch", service="track_job")

_METRICS = {
    TrackingOutcome.BEGUN: "JobBegun",
    TrackingOutcome.RECORDED: "JobTracked",
    TrackingOutcome.STALE: "JobNewsStale",
    TrackingOutcome.FOREIGN: "JobForeign",
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn an SQS event into a partial batch response; a single EventBridge event is accepted too."""
    del context
    if "Records" not in event:
        _track(event)
        return {"batchItemFailures": []}
    failed = [record["messageId"] for record in event["Records"] if not _tracked(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _tracked(record: Mapping[str, Any]) -> bool:
    """Record one message; False when it must come again; after several times it ends in the dead-letter queue."""
    try:
        _track(json.loads(record["body"]))
    except Exception as error:
        logger.error("news of a job could not be recorded", message_id=record["messageId"], exc_info=error)
        metrics.add_metric("JobTrackingFailed", MetricUnit.Count, 1)
        return False
    return True


def _track(event: Mapping[str, Any]) -> None:
    if event.get("type") == TrackJob.__name__:
        job_name = str(event["job_name"])
        outcome = _tracker().look(job_name)
        _link(job_name, outcome)
        logger.info("looked at a job", job=job_name, outcome=outcome)
        metrics.add_metric(_METRICS[outcome], MetricUnit.Count, 1)
        return
    news = training_job_change(event) or batch_job_change(event)
    if news is None:
        _track_tuning(event)
        return
    outcome = _tracker().track(news)
    _link(news.job_name, outcome)
    logger.info("news of a job", job=news.job_name, status=news.status, outcome=outcome, event_id=event.get("id"))
    metrics.add_metric(_METRICS[outcome], MetricUnit.Count, 1)
    if outcome is TrackingOutcome.RECORDED and is_terminal(news.status) and news.started_at and news.ended_at:
        seconds = (news.ended_at - news.started_at).total_seconds() * (news.instance_count or 1)
        metrics.add_metric("InstanceSeconds", MetricUnit.Seconds, seconds)


def _link(job_name: str, outcome: TrackingOutcome) -> None:
    """Link components into SageMaker's trial. It is done last, since the message comes again when it fails."""
    if outcome is TrackingOutcome.FOREIGN:
        return
    found = _linker().link(job_name, begins=outcome is TrackingOutcome.BEGUN)
    for component, reason in found.missing.items():
        logger.warning("a trial component is not in its trial", job=job_name, component=component, reason=reason)
    if found.missing:
        metrics.add_metric("TrialComponentMissing", MetricUnit.Count, len(found.missing))


def _track_tuning(event: Mapping[str, Any]) -> None:
    news = tuning_job_change(event)
    if news is None:
        logger.info("not news of a training job", event_id=event.get("id"))
        metrics.add_metric("JobNewsUnknown", MetricUnit.Count, 1)
        return
    outcome = _tuning_tracker().track(news)
    logger.info("news of a tuning job", job=news.name, status=news.status, outcome=outcome, event_id=event.get("id"))


@cache
def _tuning_tracker() -> TuningTracker:
    tracker = _tracker()
    return TuningTracker(
        store=tracker.store,
        tuning=SageMakerTuning(),
        training=tracker.training,
        tracker=tracker,
        snapshot_queue=tracker.snapshot_queue,
        alerts=tracker.alerts,
        clock=tracker.clock,
        name_prefix=read_settings(Settings).name_prefix,
    )


@cache
def _linker() -> Linker:
    tracker = _tracker()
    return Linker(
        store=tracker.store,
        training=tracker.training,
        clock=tracker.clock,
        name_prefix=read_settings(Settings).name_prefix,
    )


@cache
def _tracker() -> Tracker:
    settings = read_settings(Settings)
    store, clock = StateTable(settings.state_table, noted=telling(logger.error)), SystemClock()
    training = training_service(settings.batch_job_queue)
    alerts = AlertOutbox(store, SqsQueue(settings.alert_queue_url))
    return Tracker(
        store=store,
        training=training,
        start_queue=SqsQueue(settings.start_queue_url),
        evaluate_queue=SqsQueue(settings.evaluate_queue_url),
        snapshot_queue=SqsQueue(settings.snapshot_queue_url),
        alerts=alerts,
        clock=clock,
        repairer=Repairer(
            store=store, checkpoints=S3Checkpoints(settings.artifacts_bucket), alerts=alerts, clock=clock
        ),
        enrollers=(
            TunedJobs(
                store=store,
                training=training,
                tuning=SageMakerTuning(),
                clock=clock,
                name_prefix=settings.name_prefix,
                pacing=_pacing(),
            ),
            Enroller(
                store=store,
                training=training,
                rule_sets=S3RuleSets(settings.experiments_bucket),
                alerts=alerts,
                clock=clock,
                artifacts_bucket=settings.artifacts_bucket,
                pacing=_pacing(),
            ),
        ),
    )


@cache
def _pacing() -> Pacing:
    """The pacing by the package's prices: the deployment's are read where jobs are launched."""
    settings = read_settings(Settings)
    return Pacing.of_deployment(
        prices=PriceTable.built_in,
        looks=look_prices(WatchingTable.built_in()),
        share=settings.watch_share,
        every_seconds=settings.watch_every_seconds,
        pace=settings.watch_pace,
        account=settings.account_id,
    )
