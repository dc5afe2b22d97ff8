"""Deliver one alert to the topic.

It is sent twice only when a call dies between sending and recording it; both messages then name the same alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from gridwatch.alerts.content import Alert
from gridwatch.alerts.outbox import AlertTopic
from gridwatch.alerts.text import render
from gridwatch.clock import Clock
from gridwatch.failures import TransientError
from gridwatch.state.codec import from_document
from gridwatch.state.records import AlertRecord
from gridwatch.state.store import AlertStore

LEASE = timedelta(seconds=60)  # longer than an invocation lasts, shorter than a message stays away


class Outcome(StrEnum):
    SENT = "sent"
    SENT_BEFORE = "sent before"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    store: AlertStore
    topic: AlertTopic
    clock: Clock
    name_prefix: str

    def deliver(self, alert_id: str) -> Outcome:
        """Raises GridwatchError when it could not be sent now: ask again later."""
        now = self.clock.now()
        alert = self.store.lease_alert(alert_id, now=now, until=now + LEASE)
        if alert is None:
            return self._not_leased(alert_id)
        content = from_document(Alert, alert.content)
        rendered = render(content, alert.alert_id)
        message_id = self.topic.publish(rendered.subject, rendered.body, self._attributes(alert, content))
        self.store.mark_sent(replace(alert, sent_at=self.clock.now(), message_id=message_id))
        return Outcome.SENT

    def _not_leased(self, alert_id: str) -> Outcome:
        kept = self.store.get_alert(alert_id)
        if kept is None:
            return Outcome.UNKNOWN
        if kept.sent_at is not None:
            return Outcome.SENT_BEFORE
        # Whoever sends it may die before it is sent: this message comes again and sees.
        raise TransientError(f"alert {alert_id} is being sent by another invocation")

    def _attributes(self, alert: AlertRecord, content: Alert) -> Mapping[str, str]:
        """What subscriptions can filter by; SNS takes no empty values."""
        attributes = {
            "prefix": self.name_prefix,
            "kind": alert.kind,
            "severity": content.severity.value,
            "experiment": alert.experiment or "",
            "alert_id": alert.alert_id,
        }
        return {name: value for name, value in attributes.items() if value}
