"""Delivers one alert through every channel, unless it is held back to be told with others.

A channel gets it twice only when a call dies between sending it and recording that; both messages then name the same
alert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from deliver_alert.channels import Channel, Outgoing
from deliver_alert.gatekeeping import Gatekeeper
from gridwatch.alerts.content import Alert, content_of
from gridwatch.domain.alerts import AlertRecord
from gridwatch.state.store import AlertStore
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import TransientError

LEASE = timedelta(seconds=60)  # longer than an invocation lasts, shorter than a message stays away


class DeliveryOutcome(StrEnum):
    SENT = "sent"
    SENT_BEFORE = "sent before"
    HELD_BACK = "held back"  # it is told in another alert
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    store: AlertStore
    channels: Sequence[Channel]
    gatekeeper: Gatekeeper
    clock: Clock
    name_prefix: str

    def deliver(self, alert_id: str) -> DeliveryOutcome:
        """Deliver the alert. Raises GridwatchError or ConflictError when that is not possible now: ask again later."""
        now = self.clock.now()
        alert = self.store.lease_alert(alert_id, now=now, until=now + LEASE)
        if alert is None:
            return self._not_leased(alert_id)
        if not alert.cleared:
            told_in = self.gatekeeper.holds(alert)
            if told_in is not None:
                self.store.mark_sent(replace(alert, told_in=told_in))
                return DeliveryOutcome.HELD_BACK
            # Before it is sent: whoever dies after sending leaves an alert that is not held back by another gate later.
            alert = replace(alert, cleared=True)
            self.store.keep_leased(alert, until=now + LEASE)
        self._send(alert)
        return DeliveryOutcome.SENT

    def _send(self, alert: AlertRecord) -> None:
        content = content_of(alert)
        outgoing = Outgoing(record=alert, alert=content, attributes=self._attributes(alert, content))
        left = [channel for channel in self.channels if channel.name not in alert.sent_to]
        for channel in left:
            message_id = channel.send(outgoing)
            alert = replace(alert, sent_to={**alert.sent_to, channel.name: message_id})
            if channel is not left[-1]:
                self.store.keep_leased(alert, until=self.clock.now() + LEASE)
        first = alert.sent_to[self.channels[0].name]
        self.store.mark_sent(replace(alert, sent_at=self.clock.now(), message_id=first))

    def _not_leased(self, alert_id: str) -> DeliveryOutcome:
        kept = self.store.get_alert(alert_id)
        if kept is None:
            return DeliveryOutcome.UNKNOWN
        if kept.told_in is not None:
            return DeliveryOutcome.HELD_BACK
        if kept.sent_at is not None:
            return DeliveryOutcome.SENT_BEFORE
        # Whoever sends it may die before it is sent: this message comes again and sees.
        raise TransientError(f"alert {alert_id} is being sent by another invocation")

    def _attributes(self, alert: AlertRecord, content: Alert) -> Mapping[str, str]:
        """The attributes that subscriptions can filter by; SNS takes no empty values."""
        attributes = {
            "prefix": self.name_prefix,
            "kind": alert.kind,
            "severity": content.severity.value,
            "experiment": alert.experiment or "",
            "alert_id": alert.alert_id,
        }
        return {name: value for name, value in attributes.items() if value}
