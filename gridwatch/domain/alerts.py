"""What people must be told, and which alerts are told together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """Something people must be told, once. `content` is the alert as data (gridwatch.alerts)."""

    alert_id: str
    experiment: str | None  # None when the spec could not be read at all
    kind: str
    content: Mapping[str, Any]
    created_at: datetime
    sent_at: datetime | None = None
    message_id: str | None = None
    trial_id: str | None = None
    cause: str | None = None  # alerts of one cause are told together; None: on its own
    told_in: str | None = None  # it was held back, and is told in the alert of this id
    cleared: bool = False  # nothing holds it back: it may have been sent already
    sent_to: Mapping[str, str] = field(default_factory=dict)  # message ids by channel, while it is being sent

    @property
    def is_settled(self) -> bool:
        """Whether nothing remains to be done: it is sent, or told in another alert."""
        return self.sent_at is not None or self.told_in is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGate:
    """Which alerts were let through since it opened and which were held back (gridwatch.alerts.gates); by alert id.

    Every alert that came to a gate that is `listed` has a place of its own beside it (`AlertStore.admitted`): then
    `collected` has the first alone, and `held` counts the others.
    """

    gate_id: str
    opened_at: datetime
    closes_at: datetime
    passed: tuple[str, ...] = ()
    collected: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()  # of former openings
    closed: bool = False  # nobody joins any more: what was collected is being told
    told: bool = False
    listed: bool = False  # False in records of former versions
    held: int = 0
    version: int = 0  # of the record, as read
