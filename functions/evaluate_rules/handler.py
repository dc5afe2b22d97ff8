"""Entry: index files of tensors and requests from the queue `evaluate`, many at a time; one evaluation for each job."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from evaluate_rules.evaluating import Evaluated, Evaluator, Outcome
from evaluate_rules.recording import LogRecorder
from evaluate_rules.refreshing import Refresher
from evaluate_rules.requests import JobRequest, read_batch
from evaluate_rules.rests import Rests
from evaluate_rules.settings import Settings
from gridwatch.aws.event_bus import EventBridgeBus
from gridwatch.aws.job_folders import heartbeat_source, neighbour_source, profile_source
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.report_bucket import ReportBucket
from gridwatch.aws.rule_state import RuleStateBucket
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tensor_folder import S3MetricRecord
from gridwatch.aws.tensor_source import job_source, log_source
from gridwatch.aws.training_log import CloudWatchLog
from gridwatch.aws.unreadable_records import telling
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.events.sqs import partial_response, queued_bodies
from gridwatch.judging.judge import CrossTrialJudge
from gridwatch.settings import read_settings
from gridwatch_rules.clock import SystemClock

_LEAST_SECONDS = 15.0  # of the call, to begin with a job: judging a few steps, telling and saving

logger = Logger(service="evaluate_rules")
metrics = Metrics(namespace="Gridwatch", service="evaluate_rules")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """An SQS event to a partial batch response: the messages of a job that could not be evaluated come again."""
    bodies = queued_bodies(event)
    metrics.add_metric("EvaluationRequests", MetricUnit.Count, len(bodies))
    batch = read_batch(bodies, SystemClock().now())
    if batch.ignored:
        logger.info("nothing to evaluate", message_ids=batch.ignored)
    for message_id, reason in batch.unreadable.items():
        logger.error("message cannot be read", message_id=message_id, reason=reason)
        metrics.add_metric("MessageUnreadable", MetricUnit.Count, 1)

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    failed = [request.message_ids for job, request in batch.jobs.items() if not _evaluated(job, request, seconds_left)]
    # What cannot be read comes again too, and so ends among the dead letters, where somebody looks at it.
    return partial_response([*batch.unreadable, *(message_id for ids in failed for message_id in ids)])


def _evaluated(job_name: str, request: JobRequest, seconds_left: Callable[[], float]) -> bool:
    try:
        if seconds_left() < _LEAST_SECONDS:
            _evaluator().postpone(request.of(job_name))
            logger.info("job postponed", job=job_name)
            return True
        evaluated = _evaluator().evaluate(request.of(job_name), seconds_left)
    except Exception as error:  # the edge: one job's failure is not the others'
        logger.error("job could not be evaluated", job=job_name, exc_info=error)
        metrics.add_metric("EvaluationFailed", MetricUnit.Count, 1)
        return False
    _report(job_name, request, evaluated)
    return True


def _report(job_name: str, request: JobRequest, evaluated: Evaluated) -> None:
    logger.info(
        "job evaluated",
        job=job_name,
        messages=len(request.message_ids),
        ended=request.ended,
        outcome=evaluated.outcome,
        behind=evaluated.behind,
        last_step=evaluated.last_step,
        asked=evaluated.asked,
    )
    if evaluated.restarted:
        logger.warning("rule state of another version, judged from the first step again", job=job_name)
    for change in evaluated.changes:
        finding = change.finding.as_json() if change.finding else None
        logger.info("rule status changed", job=job_name, rule=change.rule_name, status=change.status, finding=finding)
    metrics.add_metric("JobEvaluated", MetricUnit.Count, 1)
    if evaluated.outcome is Outcome.CHANGED:
        metrics.add_metric("RuleStatusChanged", MetricUnit.Count, len(evaluated.changes))


@cache
def _evaluator() -> Evaluator:
    settings = read_settings(Settings)
    bucket = settings.artifacts_bucket
    clock = SystemClock()
    store = StateTable(settings.state_table, RuleStateBucket(bucket), noted=telling(logger.error))
    return Evaluator(
        store=store,
        publisher=RuleStatusPublisher(store=store, bus=EventBridgeBus(settings.event_bus_name), clock=clock),
        open_tensors=lambda job: job_source(bucket, job.job_name, job.tensors_uri),
        open_profile=lambda job: profile_source(bucket, job.job_name, job.tensors_uri),
        open_other=lambda location: neighbour_source(bucket, location),
        rests=Rests(SqsQueue(settings.evaluate_queue_url), clock),
        slow_queue=SqsQueue(settings.slow_queue_url),
        slow_interval=settings.custom_rule_interval_seconds,
        reports=ReportBucket(bucket),
        judge=CrossTrialJudge(store),
        clock=clock,
        refresher=Refresher(
            queue=SqsQueue(settings.snapshot_queue_url), clock=clock, interval=settings.table_interval_seconds
        ),
        open_heartbeats=lambda job: heartbeat_source(bucket, job.job_name, job.tensors_uri),
        open_log=lambda job: log_source(bucket, job.job_name),
        recorder=LogRecorder(
            log=CloudWatchLog(),
            record=S3MetricRecord(bucket),
            queue=SqsQueue(settings.evaluate_queue_url),
            snapshot_queue=SqsQueue(settings.snapshot_queue_url),
            clock=clock,
            interval=settings.look_interval_seconds,
        ),
    )
