"""The entry point: any message on queue `start`, or a schedule's tick, causes one round of launching."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.batch_training import training_service
from gridwatch.aws.clients import single_try_client
from gridwatch.aws.price_table import deployed_prices
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tuning_service import SageMakerTuning
from gridwatch.aws.unreadable_records import report_broken, telling
from gridwatch.launch.holding import LaunchLimits
from gridwatch.launch.paces import Pacing
from gridwatch.launch.pacing import TokenBucket
from gridwatch.launch.spending import Spending
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.watching import WatchingTable, look_prices
from gridwatch.settings import read_settings
from gridwatch.state.unreadable import Isolation
from gridwatch_rules.clock import SystemClock
from start_trials.engines import Engines
from start_trials.paces import Paces
from start_trials.round import Round, RoundReport
from start_trials.settings import Settings
from start_trials.starting import Launcher, LaunchOutcome
from start_trials.tracking import Tracking
from start_trials.tuning import TuningLauncher

logger = Logger(service="start_trials")
metrics = Metrics(namespace="Gridwatch", service="start_trials")

_METRICS = {
    LaunchOutcome.STARTED: "TrialStarted",
    LaunchOutcome.ALREADY_THERE: "TrialAlreadyStarted",
    LaunchOutcome.NOT_YET: "LaunchDeferred",
    LaunchOutcome.UNWELL: "LaunchThrottled",
    LaunchOutcome.REFUSED: "TrialRefused",
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Launch what waits in the table, whatever the messages say."""
    del event
    settings, clock = _settings(), SystemClock()
    store = StateTable(settings.state_table, noted=telling(logger.error))
    alerts = AlertOutbox(store, SqsQueue(settings.alert_queue_url))
    training = training_service(
        settings.batch_job_queue,
        attempts=settings.batch_attempts,
        batch=single_try_client("batch") if settings.batch_job_queue else None,
        sagemaker=single_try_client("sagemaker"),
    )

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    launcher = Launcher(
        store=store,
        training=training,
        alerts=alerts,
        snapshot_queue=SqsQueue(settings.snapshot_queue_url),
        limits=LaunchLimits(store=store, alerts=alerts, clock=clock, prices=_prices, looked_at=_spent),
        engines=Engines(
            store=store,
            alerts=alerts,
            clock=clock,
            artifacts_bucket=settings.artifacts_bucket,
            tries=not settings.batch_job_queue,
        ),
        tracking=Tracking(
            store=store,
            training=training,
            clock=clock,
            name_prefix=settings.name_prefix,
            experiments_bucket=settings.experiments_bucket,
            artifacts_bucket=settings.artifacts_bucket,
            seconds_left=seconds_left,
        ),
        clock=clock,
        bucket=_bucket(),
        name_prefix=settings.name_prefix,
        artifacts_bucket=settings.artifacts_bucket,
        seconds_left=seconds_left,
        paces=Paces(store=store, clock=clock, pacing=_pacing(), known=_took),
    )
    isolation = Isolation()
    tunings = TuningLauncher(
        store=store,
        tuning=SageMakerTuning(single_try_client("sagemaker")),
        alerts=alerts,
        snapshot_queue=launcher.snapshot_queue,
        clock=clock,
        name_prefix=settings.name_prefix,
        isolation=isolation,
        pacing=_pacing(),
    ).start_waiting()
    if tunings:
        logger.info("tuning jobs", outcomes=dict(tunings))
    queue = SqsQueue(settings.start_queue_url)
    _report(Round(launcher=launcher, queue=queue, round_id=context.aws_request_id, isolation=isolation).run(), launcher)
    report_broken(isolation, logger.error)


def _report(report: RoundReport, launcher: Launcher) -> None:
    logger.info(
        "round of launching",
        outcomes=dict(report.outcomes),
        handed_over=report.handed_over,
        stopped_by=report.stopped_by,
    )
    for job, reason in launcher.tracking.untracked.items():
        logger.warning("a job is in no SageMaker experiment", job=job, reason=reason)
    for component, reason in launcher.tracking.undescribed.items():
        logger.warning("what an experiment is made of is not told in SageMaker", component=component, reason=reason)
    metrics.add_metric("LaunchRound", MetricUnit.Count, 1)
    if launcher.tracking.untracked:
        metrics.add_metric("TrialUntracked", MetricUnit.Count, len(launcher.tracking.untracked))
    for outcome, name in _METRICS.items():
        if report.outcomes[outcome]:
            metrics.add_metric(name, MetricUnit.Count, report.outcomes[outcome])


_spent: dict[str, tuple[datetime, Spending]] = {}  # kept between invocations
_took: dict[str, tuple[datetime, Sequence[float]]] = {}  # likewise


@cache
def _pacing() -> Pacing:
    settings = _settings()
    return Pacing.of_deployment(
        prices=_prices,
        looks=look_prices(WatchingTable.built_in()),
        share=settings.watch_share,
        every_seconds=settings.watch_every_seconds,
        pace=settings.watch_pace,
        account=settings.account_id,
    )


@cache
def _prices() -> PriceTable:
    return deployed_prices(_settings().experiments_bucket, logger.error)


@cache
def _settings() -> Settings:
    return read_settings(Settings)


@cache
def _bucket() -> TokenBucket:
    """The token bucket, kept between the invocations of one environment, so that the pace does not restart with each
    message.
    """
    return TokenBucket(SystemClock(), _settings().launch_rate_per_second, _settings().launch_burst)
