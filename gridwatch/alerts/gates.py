"""Who is told at once and who in one message later: gates that let some alerts through and collect the rest.

A gate stands open for a while. Of the alerts that come meanwhile the first ones pass, and the others are collected;
when it closes, what was collected is told in one alert, whose id follows from the gate's. Three kinds of gate:

cause   for an experiment and a rule: one passes, the rest of some minutes follows together
quiet   for the quiet hours: none passes
hour    for the limit an hour: so many pass

Deciding is done here, on values; keeping the gate under a condition on its version is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from gridwatch.alerts.content import alert_id
from gridwatch.domain.alerts import AlertGate
from gridwatch.state.codec import moment_text

QUIET = "quiet"
HOUR = "hour"
_CAUSE = "cause "


class Admission(StrEnum):
    PASSED = "passed"
    COLLECTED = "collected"
    CLOSE_FIRST = "close first"  # what the gate collected must be told before it opens again


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a gate is opened: which one, until when, and how many it lets through."""

    gate_id: str
    until: datetime
    capacity: int


def cause_gate(cause: str) -> str:
    return f"{_CAUSE}{cause}"


def is_of_cause(gate: AlertGate) -> bool:
    return gate.gate_id.startswith(_CAUSE)


def follow_up_id(gate: AlertGate) -> str:
    """The id of the alert that tells what this gate has collected since it was opened."""
    return alert_id("collected", gate.gate_id, moment_text(gate.opened_at))


def admit(
    kept: AlertGate | None, opening: Opening, asking: str, now: datetime, *, came_before: bool = False
) -> tuple[AlertGate, Admission]:
    """The gate after the alert with the id `asking` has come to it, and what becomes of the alert. `came_before`: to
    the gate as it stands open.

    An alert that comes again gets the same answer for as long as the gate is the same. The gate is `kept` itself when
    nothing changes.
    """
    if kept is not None and asking in kept.passed:
        return kept, Admission.PASSED
    if kept is not None and (came_before or asking in kept.collected):
        return kept, Admission.COLLECTED
    if kept is not None and kept.collected and not kept.told and (kept.closed or kept.closes_at <= now):
        return kept, Admission.CLOSE_FIRST
    gate = kept if kept is not None and not kept.told and now < kept.closes_at else _opened(kept, opening, now)
    if len(gate.passed) < opening.capacity:
        return replace(gate, passed=(*gate.passed, asking)), Admission.PASSED
    if gate.listed and gate.collected:
        return replace(gate, held=gate.held + 1), Admission.COLLECTED
    return replace(gate, collected=(*gate.collected, asking)), Admission.COLLECTED


def _opened(former: AlertGate | None, opening: Opening, now: datetime) -> AlertGate:
    """A gate anew. Of a cause it remembers whom it has concerned before, where nothing beside the gate does."""
    concerned: tuple[str, ...] = ()
    if former is not None and is_of_cause(former):
        concerned = former.earlier if former.listed else (*former.earlier, *former.passed, *former.collected)
    return AlertGate(
        gate_id=opening.gate_id,
        opened_at=now,
        closes_at=opening.until,
        earlier=concerned,
        listed=True,
        version=former.version if former is not None else 0,
    )
