"""The channels through which people are told, each with its own form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gridwatch.alerts.chat import chat_notification
from gridwatch.alerts.content import Alert, Severity
from gridwatch.alerts.incident import incident_event
from gridwatch.alerts.outbox import AlertTopic
from gridwatch.alerts.slack import slack_message
from gridwatch.alerts.text import render
from gridwatch.domain.alerts import AlertRecord
from gridwatch.events.messages import PostWebhook
from gridwatch.events.queue import MessageQueue

SLACK = "slack"
INCIDENT = "incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An alert on its way: its record, its content, and the attributes that subscriptions filter by."""

    record: AlertRecord
    alert: Alert
    attributes: Mapping[str, str]


class Channel(Protocol):
    @property
    def name(self) -> str: ...

    def send(self, outgoing: Outgoing) -> str:
        """Send the alert and return its message id there. Raises gridwatch_rules.failures errors."""
        ...


@dataclass(frozen=True, slots=True)
class TextTopic:
    """Plain text, for e-mail and whatever else people subscribe."""

    topic: AlertTopic
    name: str = "text"

    def send(self, outgoing: Outgoing) -> str:
        rendered = render(outgoing.alert, outgoing.record.alert_id)
        return self.topic.publish(rendered.subject, rendered.body, {**outgoing.attributes, "format": self.name})


@dataclass(frozen=True, slots=True)
class ChatTopic:
    """Custom notifications for Amazon Q Developer, on a topic of their own: nobody else can read them."""

    topic: AlertTopic
    name: str = "chat"

    def send(self, outgoing: Outgoing) -> str:
        alert_id = outgoing.record.alert_id
        notification = chat_notification(outgoing.alert, alert_id, outgoing.record.experiment)
        subject = render(outgoing.alert, alert_id).subject
        body = json.dumps(notification, ensure_ascii=False)
        return self.topic.publish(subject, body, {**outgoing.attributes, "format": self.name})


@dataclass(frozen=True, slots=True)
class SlackWebhook:
    """Messages for a Slack incoming webhook, which `post_webhook` posts."""

    queue: MessageQueue
    name: str = SLACK

    def send(self, outgoing: Outgoing) -> str:
        alert_id = outgoing.record.alert_id
        return _queued(self.queue, self.name, alert_id, slack_message(outgoing.alert, alert_id))


@dataclass(frozen=True, slots=True)
class IncidentWebhook:
    """Events in the form of PagerDuty's, which `post_webhook` posts. `source` names the deployment.

    No event is sent where nothing is wrong: the end of an experiment would open an incident that nobody closes.
    """

    queue: MessageQueue
    source: str
    name: str = INCIDENT

    def send(self, outgoing: Outgoing) -> str:
        record = outgoing.record
        if outgoing.alert.severity is Severity.INFO:
            return "no incident"
        event = incident_event(
            outgoing.alert, record.alert_id, record.experiment, source=self.source, at=record.created_at
        )
        return _queued(self.queue, self.name, record.alert_id, event)


def _queued(queue: MessageQueue, channel: str, alert_id: str, payload: Mapping[str, object]) -> str:
    queue.send(PostWebhook(channel, alert_id, json.dumps(payload, ensure_ascii=False)))
    return f"queued for {channel}"
