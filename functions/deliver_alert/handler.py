"""The entry point for the queue `alerts`, with `DeliverAlert`, `CloseGate` and `DigestExperiment` messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from deliver_alert.channels import INCIDENT, SLACK, Channel, ChatTopic, IncidentWebhook, SlackWebhook, TextTopic
from deliver_alert.delivering import Courier, DeliveryOutcome
from deliver_alert.digesting import Digester
from deliver_alert.gatekeeping import AlertSettings, Gatekeeper
from deliver_alert.settings import Settings
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.quiet_hours import quiet_hours
from gridwatch.aws.price_table import deployed_prices
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.report_bucket import ReportBucket
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.topic import SnsTopic
from gridwatch.aws.unreadable_records import telling
from gridwatch.events.messages import CloseGate, DeliverAlert, DigestExperiment
from gridwatch.events.sqs import QueuedBody, partial_response, queued_bodies
from gridwatch.savings.prices import PriceTable
from gridwatch.settings import read_settings
from gridwatch.state.store import ConflictError
from gridwatch.storage.report_store import ReportPlace
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.failures import GridwatchError

logger = Logger(service="deliver_alert")
metrics = Metrics(namespace="Gridwatch", service="deliver_alert")

_METRICS = {
    DeliveryOutcome.SENT: "AlertSent",
    DeliveryOutcome.SENT_BEFORE: "AlertSentBefore",
    DeliveryOutcome.HELD_BACK: "AlertHeldBack",
    DeliveryOutcome.UNKNOWN: "AlertUnknown",
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn an SQS event into a partial batch response."""
    del context
    return partial_response(body.message_id for body in queued_bodies(event) if not _done(body))


def _done(body: QueuedBody) -> bool:
    """Handle one message; False when it must come again."""
    try:
        _do(body.parsed())
    except Exception as error:  # the edge: one message's failure is not the others'
        expected = isinstance(error, GridwatchError | ConflictError)  # a traceback only for what is a fault
        fault = None if expected else error
        logger.error("alert not delivered", message_id=body.message_id, reason=str(error), exc_info=fault)
        metrics.add_metric("AlertNotDelivered", MetricUnit.Count, 1)
        return False
    return True


def _do(message: Mapping[str, Any]) -> None:
    if message.get("type") == DeliverAlert.__name__:
        alert_id = str(message["alert_id"])
        outcome = _courier().deliver(alert_id)
        logger.info("alert delivered", alert_id=alert_id, outcome=outcome)
        metrics.add_metric(_METRICS[outcome], MetricUnit.Count, 1)
    elif message.get("type") == CloseGate.__name__:
        told = _gatekeeper().close(str(message["gate_id"]))
        logger.info("gate looked at", gate=message["gate_id"], alert_id=told.alert_id if told else None)
    elif message.get("type") == DigestExperiment.__name__:
        digest = _digester().digest(str(message["experiment"]))
        logger.info("end looked at", experiment=message["experiment"], alert_id=digest.alert_id if digest else None)
    else:
        raise ValueError("the message asks for nothing that is known here")


@cache
def _courier() -> Courier:
    settings = _settings()
    return Courier(
        store=_store(),
        channels=_channels(settings),
        gatekeeper=_gatekeeper(),
        clock=SystemClock(),
        name_prefix=settings.name_prefix,
    )


def _channels(settings: Settings) -> tuple[Channel, ...]:
    channels: list[Channel] = [TextTopic(SnsTopic(settings.alert_topic_arn))]
    if settings.chat_topic_arn:
        channels.append(ChatTopic(SnsTopic(settings.chat_topic_arn)))
    names = [name for name in settings.webhook_channels.split(",") if name]
    webhooks = SqsQueue(settings.webhook_queue_url)
    known: dict[str, Channel] = {
        SLACK: SlackWebhook(webhooks),
        INCIDENT: IncidentWebhook(webhooks, source=settings.name_prefix),
    }
    return (*channels, *(known[name] for name in names))


@cache
def _gatekeeper() -> Gatekeeper:
    settings = _settings()
    begin, _, end = settings.quiet_hours.partition("-")
    alert_settings = AlertSettings(
        together=timedelta(seconds=settings.group_seconds),
        quiet=quiet_hours(begin, end, settings.time_zone) if settings.quiet_hours else None,
        most_per_hour=settings.alerts_per_hour or None,
        critical_passes=settings.critical_passes,
    )
    return Gatekeeper(
        store=_store(), queue=_queue(), alerts=_outbox(), clock=SystemClock(), alert_settings=alert_settings
    )


@cache
def _digester() -> Digester:
    return Digester(store=_store(), alerts=_outbox(), clock=SystemClock(), prices=_prices, find_report=_report)


def _report(experiment: str) -> ReportPlace | None:
    return ReportBucket(_settings().artifacts_bucket).find_experiment(experiment)


@cache
def _prices() -> PriceTable:
    """Kept for as long as this instance of the function lives."""
    return deployed_prices(_settings().experiments_bucket, logger.error)


def _outbox() -> AlertOutbox:
    return AlertOutbox(_store(), _queue())


@cache
def _queue() -> SqsQueue:
    return SqsQueue(_settings().alert_queue_url)


@cache
def _store() -> StateTable:
    return StateTable(_settings().state_table, noted=telling(logger.error))


@cache
def _settings() -> Settings:
    return read_settings(Settings)
