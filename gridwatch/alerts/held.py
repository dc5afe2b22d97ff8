"""Which alerts a gate has collected, and which it has concerned before."""

from __future__ import annotations

from collections.abc import Sequence

from gridwatch.domain.alerts import AlertGate
from gridwatch.state.store import AlertStore


def collected_by(store: AlertStore, gate: AlertGate) -> Sequence[str]:
    """The ids of the alerts that it has held back since it was opened."""
    if not gate.held:
        return gate.collected
    admitted = [alert_id for opened_at, alert_id in store.admitted(gate.gate_id) if opened_at == gate.opened_at]
    return [alert_id for alert_id in admitted if alert_id not in gate.passed]


def concerned_before(store: AlertStore, gate: AlertGate) -> Sequence[str]:
    """The ids of the alerts that it let through, or held back while it was open before."""
    former = [alert_id for opened_at, alert_id in store.admitted(gate.gate_id) if opened_at < gate.opened_at]
    return [*gate.earlier, *former, *gate.passed]
