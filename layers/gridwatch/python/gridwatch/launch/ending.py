"""The end of an experiment: noticed by whoever sees the last of its trials come to an end."""

from __future__ import annotations

from gridwatch.alerts.digest import is_over
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.state.store import StateStore


def tell_if_over(experiment: str, store: StateStore, alerts: AlertOutbox) -> None:
    """Have the experiment's digest told when all its trials are over. Asking again changes nothing."""
    record = store.get_experiment(experiment)
    if record is not None and is_over(record, store.list_trials(experiment)):
        alerts.ask_digest(experiment)
