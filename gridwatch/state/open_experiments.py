"""Experiments that are open, of which something may still come, and those that are closed, whose counts are final.

An experiment is open from its upload. It is closed when it is over and a snapshot has read all of it; whoever lets some
of its trials begin again opens it. Only what is open is looked at on a schedule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import if_readable

ACTIVE = tuple(state for state in TrialState if not state.is_finished)


def is_open(record: ExperimentRecord) -> bool:
    return record.final_states is None


def close(store: StateStore, record: ExperimentRecord, trials: Sequence[TrialRecord]) -> None:
    """`record` and `trials` as they were read; an experiment that was changed since stays open."""
    if is_open(record) and store.get_experiment(record.name) == record:
        counts = Counter(trial.state.value for trial in trials)
        store.put_experiment(replace(record, final_states=dict(counts)))


def reopen(store: StateStore, record: ExperimentRecord) -> None:
    """Before its trials are changed: who dies in between leaves an experiment open, which harms nothing."""
    if not is_open(record):
        store.put_experiment(replace(record, final_states=None))


def open_experiments(store: StateStore) -> Iterator[ExperimentRecord]:
    """Those that are open, and those with trials that are not over: a former version recorded them, or they were closed
    at the moment in which a trial was added. The latter are open from now on.
    """
    found = set()
    for record in store.open_experiments():
        found.add(record.name)
        yield record
    active = {trial.experiment for state in ACTIVE for trial in store.trials_in(state)}
    for name in sorted(active - found):
        kept = if_readable(partial(store.get_experiment, name))
        if kept is not None:
            record = replace(kept, final_states=None)
            store.put_experiment(record)
            yield record
