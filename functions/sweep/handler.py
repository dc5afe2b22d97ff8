"""The entry point for a schedule's tick. Two sweeps at once do each other no harm."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.batch_training import training_service
from gridwatch.aws.checkpoints import S3Checkpoints
from gridwatch.aws.event_bus import EventBridgeBus
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.rule_sets import S3RuleSets
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tuning_service import SageMakerTuning
from gridwatch.aws.unreadable_records import report_broken, telling
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.launch.paces import Pacing
from gridwatch.launch.repairing import Repairer
from gridwatch.launch.tracking import Tracker
from gridwatch.launch.tuned_jobs import TunedJobs
from gridwatch.launch.tuning_tracking import TuningTracker
from gridwatch.launch.watching import Enroller
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.watching import WatchingTable, look_prices
from gridwatch.settings import read_settings
from gridwatch.state.unreadable import Isolation
from gridwatch_rules.clock import SystemClock
from sweep.settings import Settings
from sweep.sweeping import Sweeper, SweepReport
from sweep.tuning import TuningSweeper

logger = Logger(service="sweep")
metrics = Metrics(namespace="Gridwatch", service="sweep")

WAKE_EVALUATIONS = "wake evaluations"  # as infra/constructs/routing.py has the schedule say it


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Run a sweep. An error is raised, so that Lambda tries again. Of two schedules, the one every minute only wakes
    evaluations.
    """
    sweeper = _sweeper(context)
    if event.get("task") == WAKE_EVALUATIONS:
        logger.info("woke evaluations", evaluated=sweeper.wake_evaluations())
        return
    _report(sweeper.sweep())
    report_broken(sweeper.isolation, logger.error)


def _report(report: SweepReport) -> None:
    logger.info(
        "swept",
        recorded=report.recorded,
        enrolled=report.enrolled,
        evaluated=report.evaluated,
        managed=report.managed,
        findings=report.findings,
        alerts=report.alerts,
        waiting=report.waiting,
        complete=report.complete,
    )
    if report.vanished:
        logger.error("SageMaker does not know these jobs", jobs=report.vanished)
    repaired = {"SweepStates": report.recorded, "SweepFindings": report.findings, "SweepAlerts": report.alerts}
    for name, count in repaired.items():
        metrics.add_metric(name, MetricUnit.Count, count)


def _sweeper(context: LambdaContext) -> Sweeper:
    settings, store, isolation = _settings(), _store(), Isolation()
    clock = SystemClock()
    training = training_service(settings.batch_job_queue)
    start_queue, evaluate_queue = SqsQueue(settings.start_queue_url), SqsQueue(settings.evaluate_queue_url)
    alert_queue = SqsQueue(settings.alert_queue_url)
    alerts = AlertOutbox(store, alert_queue)
    tracker = Tracker(
        store=store,
        training=training,
        start_queue=start_queue,
        evaluate_queue=evaluate_queue,
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
    tuning = SageMakerTuning()
    tunings = TuningTracker(
        store=store,
        tuning=tuning,
        training=training,
        tracker=tracker,
        snapshot_queue=tracker.snapshot_queue,
        alerts=alerts,
        clock=clock,
        name_prefix=settings.name_prefix,
    )
    return Sweeper(
        tunings=TuningSweeper(store=store, tuning=tuning, tracker=tunings, clock=clock, isolation=isolation),
        isolation=isolation,
        store=store,
        training=training,
        listing=training,
        tracker=tracker,
        track_queue=SqsQueue(settings.track_queue_url),
        start_queue=start_queue,
        evaluate_queue=evaluate_queue,
        alert_queue=alert_queue,
        publisher=RuleStatusPublisher(store=store, bus=EventBridgeBus(settings.event_bus_name), clock=clock),
        clock=clock,
        name_prefix=settings.name_prefix,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )


@cache
def _settings() -> Settings:
    return read_settings(Settings)


@cache
def _store() -> StateTable:
    return StateTable(_settings().state_table, noted=telling(logger.error))


@cache
def _pacing() -> Pacing:
    """The pacing by the package's prices: the deployment's are read where jobs are launched."""
    settings = _settings()
    return Pacing.of_deployment(
        prices=PriceTable.built_in,
        looks=look_prices(WatchingTable.built_in()),
        share=settings.watch_share,
        every_seconds=settings.watch_every_seconds,
        pace=settings.watch_pace,
        account=settings.account_id,
    )
