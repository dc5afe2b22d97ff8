"""Hold alerts back by the deployment's wishes, and tell what was held back when its time has come.

Whoever dies between any two of the steps leaves records from which the next call goes on: an alert that is held back
stands in its gate before it is marked as told there, and a gate's one alert is on record before the gate is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from itertools import islice

from gridwatch.alerts.collected import HELD_BACK, Concerned, follow_up, held_back
from gridwatch.alerts.content import TRIAL_FAILED, Severity, content_of
from gridwatch.alerts.gates import HOUR, QUIET, Admission, Opening, admit, cause_gate, follow_up_id, is_of_cause
from gridwatch.alerts.held import collected_by, concerned_before
from gridwatch.alerts.launch_limit import told_of_failure
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.quiet_hours import QuietHours
from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.experiments import LaunchHold
from gridwatch.events.messages import CloseGate
from gridwatch.events.queue import MessageQueue
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch_rules.clock import Clock

PATIENCE = 10.0  # seconds for one write: many alerts of one cause may come at one instant
LONGEST_DELAY = 900  # seconds that SQS keeps a message back
_MOST = (
    10_000  # alerts of a gate that are read to tell of them, a hundred in a request; an invocation has half a minute
)
EARLY = timedelta(minutes=1)  # a message that was kept back until the gate closes may come so much too early


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How people want to be told: a deployment's settings. Without any, every alert is told at once."""

    together: timedelta = timedelta(0)  # alerts of one cause that come within this time after the first
    quiet: QuietHours | None = None
    most_per_hour: int | None = None
    critical_passes: bool = False  # critical alerts are told in quiet hours and beyond the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatekeeper:
    store: StateStore
    queue: MessageQueue
    alerts: AlertOutbox
    clock: Clock
    wishes: Wishes

    def holds(self, alert: AlertRecord) -> str | None:
        """The id of the alert in which this one is told later; None when it is to be told now.

        Raises ConflictError when too many others come at the same time: ask again.
        """
        if (limit := _told_by_limit(alert, self._hold_of)) is not None:
            return limit
        for opening in self._openings(alert):
            gate, admission = self._admit(opening, alert.alert_id)
            if admission is Admission.COLLECTED:
                if gate.collected[0] == alert.alert_id:
                    self._close_later(gate)
                return follow_up_id(gate)
        return None

    def close(self, gate_id: str) -> AlertRecord | None:
        """Tell what the gate has collected, once, if its time has come; returns the alert that tells it."""
        for _ in Patience(self.clock, seconds=PATIENCE).tries():
            gate = self.store.get_gate(gate_id)
            if gate is None or gate.told or not gate.collected:
                return None
            left = gate.closes_at - self.clock.now()
            if not gate.closed and left > timedelta(0):
                if left < EARLY:
                    self._close_later(gate)
                return None  # hours ahead the sweep will find it
            try:
                return self._tell(gate if gate.closed else self.store.save_gate(replace(gate, closed=True)))
            except ConflictError:
                continue
        raise ConflictError(f"the gate {gate_id} is written to all the time")

    def _openings(self, alert: AlertRecord) -> Iterator[Opening]:
        """The gates on the alert's way, each made when the alert has passed the one before."""
        now, wishes = self.clock.now(), self.wishes
        if alert.cause and wishes.together:
            yield Opening(gate_id=cause_gate(alert.cause), until=now + wishes.together, capacity=1)
        critical = content_of(alert).severity is Severity.CRITICAL
        if alert.kind == HELD_BACK or (critical and wishes.critical_passes):
            return
        quiet_until = wishes.quiet.until(now) if wishes.quiet else None
        if quiet_until:
            yield Opening(gate_id=QUIET, until=quiet_until, capacity=0)
        if wishes.most_per_hour is not None:
            hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            yield Opening(gate_id=HOUR, until=hour, capacity=wishes.most_per_hour)

    def _admit(self, opening: Opening, asking: str) -> tuple[AlertGate, Admission]:
        for _ in Patience(self.clock, seconds=PATIENCE).tries():
            kept = self.store.get_gate(opening.gate_id)
            came_before = kept is not None and kept.held > 0 and self.store.is_admitted(kept, asking)
            gate, admission = admit(kept, opening, asking, self.clock.now(), came_before=came_before)
            if admission is Admission.CLOSE_FIRST:
                self.close(opening.gate_id)
                continue
            if gate is kept:
                return gate, admission
            try:
                kept = self.store.admit_alert(gate, asking) if gate.listed else self.store.save_gate(gate)
                return kept, admission
            except ConflictError:
                continue
        raise ConflictError(f"the gate {opening.gate_id} is written to all the time")

    def _hold_of(self, experiment: str) -> LaunchHold | None:
        return if_readable(partial(self.store.get_hold, experiment))

    def _tell(self, gate: AlertGate) -> AlertRecord | None:
        """The gate is closed: nobody joins any more. None when another alert tells all that it has collected, and when
        none of its alerts can be read: it waits for that.
        """
        every = self._alerts(collected_by(self.store, gate))
        if not every:
            return None
        hold_of = cache(self._hold_of)  # many failures are of one experiment
        limits = {alert.alert_id: _told_by_limit(alert, hold_of) for alert in every}
        elsewhere = [alert for alert in every if limits[alert.alert_id] is not None]
        self.store.mark_all_sent([replace(alert, told_in=limits[alert.alert_id]) for alert in elsewhere])
        collected = [alert for alert in every if limits[alert.alert_id] is None]
        if not collected:
            self.store.save_gate(replace(gate, told=True))
            return None
        now = self.clock.now()
        if is_of_cause(gate):
            before = self._alerts(concerned_before(self.store, gate))
            trials = self.store.list_trials(collected[0].experiment or "")
            telling = follow_up(gate, Concerned(collected=collected, before=before, trials=trials), now)
        else:
            telling = held_back(gate, collected, now)
        asked = self.alerts.ask(telling)
        self.store.mark_all_sent(
            [replace(alert, told_in=asked.alert_id) for alert in collected if not alert.is_settled]
        )
        # Last: until then the sweep finds the gate, and whoever finds it tells the same alert.
        self.store.save_gate(replace(gate, told=True))
        return asked

    def _alerts(self, alert_ids: Sequence[str]) -> Sequence[AlertRecord]:
        """Those that can be read, of the first _MOST: what a gate says must not keep every other alert waiting."""
        distinct = islice(dict.fromkeys(alert_ids), _MOST)
        return sorted(self.store.get_alerts(distinct), key=lambda alert: alert.created_at)

    def _close_later(self, gate: AlertGate) -> None:
        seconds = math.ceil((gate.closes_at - self.clock.now()).total_seconds())
        self.queue.send(CloseGate(gate.gate_id), delay_seconds=min(max(seconds, 0), LONGEST_DELAY))


def _told_by_limit(alert: AlertRecord, hold_of: Callable[[str], LaunchHold | None]) -> str | None:
    """The alert that failures like this one hold the experiment, if they do: they are told there once, together."""
    if alert.kind != TRIAL_FAILED or alert.experiment is None:
        return None
    hold = hold_of(alert.experiment)
    return told_of_failure(hold, alert) if hold is not None else None
