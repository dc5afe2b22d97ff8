"""The entry point for events with the statuses of a job's rules, our own and SageMaker's, through the queue
`reactions`.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.batch_training import training_service
from gridwatch.aws.clients import client
from gridwatch.aws.price_table import deployed_prices
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tensor_source import job_source, log_source
from gridwatch.aws.unreadable_records import telling
from gridwatch.events.rule_status import rule_statuses
from gridwatch.events.sqs import QueuedBody, partial_response, queued_bodies
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.sparing import Siblings
from gridwatch.settings import read_settings
from gridwatch.verdicts.decision import Response
from gridwatch_rules.clock import SystemClock
from react_to_finding.reacting import Reactor
from react_to_finding.settings import Settings

logger = Logger(service="react_to_finding")
metrics = Metrics(namespace="Gridwatch", service="react_to_finding")

_METRICS = {
    Response.STOP: "ReactionStop",
    Response.WOULD_STOP: "ReactionWouldStop",
    Response.ALERT: "ReactionAlert",
    Response.RECORD: "ReactionRecord",
    Response.IGNORE: "ReactionIgnore",
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn an SQS event into a partial batch response; a single EventBridge event is accepted too."""
    bodies = queued_bodies(event)
    metrics.add_metric("RuleStatusEvents", MetricUnit.Count, len(bodies))
    failed = [body.message_id for body in bodies if not _reacted(body, context)]
    return partial_response(failed)


def _reacted(body: QueuedBody, context: LambdaContext) -> bool:
    """React to one message; False when it must come again."""
    try:
        _react(body, context)
    except Exception as error:  # the edge: one message's failure is not the others'
        logger.error("reaction failed", message_id=body.message_id, exc_info=error)
        metrics.add_metric("ReactionFailed", MetricUnit.Count, 1)
        return False
    return True


def _react(body: QueuedBody, context: LambdaContext) -> None:
    event = body.parsed()
    statuses = rule_statuses(event)
    if statuses is None:
        logger.info("no rule statuses in this event", event_id=event.get("id"))
        return
    for reaction in _reactor(context).react(statuses):
        logger.info(
            "reacted to a rule",
            job=statuses.job_name,
            rule=reaction.rule_name,
            response=reaction.response,
            outcome=reaction.outcome,
            repeated=reaction.repeated,
            event_id=event.get("id"),
        )
        metric = "ReactionRepeated" if reaction.repeated else _METRICS[reaction.response]
        metrics.add_metric(metric, MetricUnit.Count, 1)
        if reaction.not_estimated is not None:
            logger.warning(
                "what the stop saves could not be estimated",
                job=statuses.job_name,
                rule=reaction.rule_name,
                exc_info=reaction.not_estimated,
            )
            metrics.add_metric("SavingsNotEstimated", MetricUnit.Count, 1)
        if reaction.savings is not None:
            metrics.add_metric("SecondsSaved", MetricUnit.Seconds, reaction.savings.seconds)
            if reaction.savings.cost is not None:  # in the currency of the deployment's prices
                metrics.add_metric("CostSaved", MetricUnit.NoUnit, reaction.savings.cost)


def _reactor(context: LambdaContext) -> Reactor:
    settings, store = _settings(), _store()
    return Reactor(
        store=store,
        # The clients are there before they are needed: the events that say that rules began to look make them.
        training=training_service(settings.batch_job_queue, sagemaker=client("sagemaker")),
        alerts=AlertOutbox(store, SqsQueue(settings.alert_queue_url, client("sqs"))),
        clock=SystemClock(),
        name_prefix=settings.name_prefix,
        artifacts_bucket=settings.artifacts_bucket,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        jitter=lambda longest: random.uniform(0, longest),  # noqa: S311 - spreads calls, guards nothing
        open_tensors=lambda job: job_source(settings.artifacts_bucket, job.job_name, job.tensors_uri),
        prices=_prices,
        open_log=lambda job: log_source(settings.artifacts_bucket, job.job_name),
        siblings=_siblings(),
    )


@cache
def _siblings() -> Siblings:
    return Siblings(_store(), SystemClock())


@cache
def _prices() -> PriceTable:
    """Read when the first stop is decided, and kept for as long as this instance of the function lives."""
    return deployed_prices(_settings().experiments_bucket, logger.error)


@cache
def _settings() -> Settings:
    return read_settings(Settings)


@cache
def _store() -> StateTable:
    return StateTable(_settings().state_table, dynamodb=client("dynamodb"), noted=telling(logger.error))
