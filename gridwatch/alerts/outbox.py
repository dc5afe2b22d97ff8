"""The outbox of alerts: an alert is recorded first and then queued, so that a sweep finds one that was never sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gridwatch.domain.alerts import AlertRecord
from gridwatch.events.messages import DeliverAlert, DigestExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.state.store import AlertStore

# From the snapshot of an ended experiment to its digest: the last verdicts come within some seconds of a job's end.
DIGEST_DELAY_SECONDS = 20


class AlertTopic(Protocol):
    """The topic on which people are told."""

    def publish(self, subject: str, body: str, attributes: Mapping[str, str]) -> str:
        """Publish a message and return its id. `attributes` are for subscriptions to filter by. Raises
        gridwatch_rules.failures errors.
        """
        ...


class AlertOutbox:
    """Alerts on their way to `deliver_alert`."""

    def __init__(self, store: AlertStore, queue: MessageQueue) -> None:
        self._store = store
        self._queue = queue

    def ask(self, alert: AlertRecord) -> AlertRecord:
        """Record an alert and have it delivered; an alert with the same id is recorded and delivered once."""
        kept = self._store.add_alert(alert)
        if not kept.is_settled:
            self._queue.send(DeliverAlert(kept.alert_id))
        return kept

    def ask_digest(self, experiment: str, delay_seconds: int = DIGEST_DELAY_SECONDS) -> None:
        """Ask for an experiment's digest, sent if it has ended. The delay leaves time for its rules' last verdicts."""
        self._queue.send(DigestExperiment(experiment), delay_seconds=delay_seconds)
