"""The entry point for `PostWebhook` messages of the queue `webhooks`."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.secrets import read_secret
from gridwatch.events.messages import PostWebhook
from gridwatch.events.sqs import QueuedBody, partial_response, queued_bodies
from gridwatch.launch.pacing import TokenBucket
from gridwatch.settings import read_settings
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.failures import GridwatchError, PermanentError
from post_webhook.http import Requests
from post_webhook.posting import Poster, RetryLaterError, Webhook
from post_webhook.settings import Settings

logger = Logger(service="post_webhook")
metrics = Metrics(namespace="Gridwatch", service="post_webhook")

# Slack takes about one message a second; SQS lets two invocations run at once, the fewest that it can be told.
RATE = 0.5
_LONGEST_HIDDEN = 12 * 3600 - 60  # seconds that SQS hides a message


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn an SQS event into a partial batch response."""
    return partial_response(body.message_id for body in queued_bodies(event) if not _posted(body, context))


def _posted(body: QueuedBody, context: LambdaContext) -> bool:
    """Post one message; False when it must come again. A message that is refused for good goes to the dead-letter queue
    at once.
    """
    try:
        message = _message(body)
        try:
            _poster(context).post(message.channel, _webhook(message.channel), message.payload)
        except RetryLaterError as error:
            hidden = min(math.ceil(error.seconds), _LONGEST_HIDDEN)
            SqsQueue(_settings().webhook_queue_url).hide(body.receipt, hidden)
            raise
        except PermanentError as error:
            _webhook.cache_clear()  # the secret may have been replaced
            SqsQueue(_settings().dead_letter_queue_url).send(message)
            logger.error("webhook refused", alert_id=message.alert_id, channel=message.channel, reason=str(error))
            metrics.add_metric("WebhookRefused", MetricUnit.Count, 1)
            return True
    except Exception as error:  # the edge: one message's failure is not the others'
        fault = None if isinstance(error, GridwatchError) else error  # a traceback only for what is a fault
        logger.error("webhook not posted", message_id=body.message_id, reason=str(error), exc_info=fault)
        metrics.add_metric("WebhookNotPosted", MetricUnit.Count, 1)
        return False
    logger.info("webhook posted", alert_id=message.alert_id, channel=message.channel)
    metrics.add_metric("WebhookPosted", MetricUnit.Count, 1)
    return True


def _message(body: QueuedBody) -> PostWebhook:
    fields = dict(body.parsed())
    if fields.pop("type", None) != PostWebhook.__name__:
        raise ValueError("the message asks for no post")
    return PostWebhook(**fields)


@cache
def _webhook(channel: str) -> Webhook:
    settings = _settings()
    arns = {"slack": settings.slack_secret_arn, "incident": settings.incident_secret_arn}
    arn = arns.get(channel)
    if not arn:
        raise PermanentError(f"the deployment has no channel {channel}")
    return Webhook.from_secret(read_secret(arn))


def _poster(context: LambdaContext) -> Poster:
    return Poster(
        http=_requests(),
        clock=SystemClock(),
        bucket=_bucket(),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        blocked=_BLOCKED,
    )


_BLOCKED: dict[str, Any] = {}


@cache
def _requests() -> Requests:
    return Requests()


@cache
def _bucket() -> TokenBucket:
    return TokenBucket(SystemClock(), RATE)


@cache
def _settings() -> Settings:
    return read_settings(Settings)
