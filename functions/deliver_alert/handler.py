"""Entry: `DeliverAlert` messages of the queue `alerts`."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from deliver_alert.delivering import Courier, Outcome
from deliver_alert.settings import Settings
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.topic import SnsTopic
from gridwatch.clock import SystemClock
from gridwatch.events.messages import DeliverAlert
from gridwatch.events.sqs import QueuedBody, partial_response, queued_bodies
from gridwatch.failures import GridwatchError
from gridwatch.settings import read_settings

logger = Logger(service="deliver_alert")
metrics = Metrics(namespace="Gridwatch", service="deliver_alert")

_METRICS = {Outcome.SENT: "AlertSent", Outcome.SENT_BEFORE: "AlertSentBefore", Outcome.UNKNOWN: "AlertUnknown"}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """An SQS event to a partial batch response."""
    del context
    return partial_response(body.message_id for body in queued_bodies(event) if not _delivered(body))


def _delivered(body: QueuedBody) -> bool:
    """False when the message must come again."""
    try:
        alert_id = _alert_id(body)
        outcome = _courier().deliver(alert_id)
    except Exception as error:  # the edge: one message's failure is not the others'
        expected = error if not isinstance(error, GridwatchError) else None  # a traceback only for what is a fault
        logger.error("alert not delivered", message_id=body.message_id, reason=str(error), exc_info=expected)
        metrics.add_metric("AlertNotDelivered", MetricUnit.Count, 1)
        return False
    logger.info("alert delivered", alert_id=alert_id, outcome=outcome)
    metrics.add_metric(_METRICS[outcome], MetricUnit.Count, 1)
    return True


def _alert_id(body: QueuedBody) -> str:
    message = body.parsed()
    if message.get("type") != DeliverAlert.__name__ or not isinstance(message.get("alert_id"), str):
        raise ValueError("the message asks for no alert")
    return str(message["alert_id"])


@cache
def _courier() -> Courier:
    settings = read_settings(Settings)
    return Courier(
        store=StateTable(settings.state_table),
        topic=SnsTopic(settings.alert_topic_arn),
        clock=SystemClock(),
        name_prefix=settings.name_prefix,
    )
