"""Experiments that are open, of which something may still come, and those that are closed, whose counts are final.

An experiment is open from its upload. It is closed when it is over and a snapshot has read all of it; whoever lets some
of its trials begin again opens it. Only what is open is looked at on a schedule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from gridwatch.domain.deployments import EnlistedRecord
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import UnreadableRecordError, if_readable

ACTIVE = tuple(state for state in TrialState if not state.is_finished)


def is_open(record: ExperimentRecord) -> bool:
    return record.final_states is None


def close(store: StateStore, record: ExperimentRecord, trials: Sequence[TrialRecord]) -> None:
    """Close an experiment, given `record` and `trials` as they were read; one that was changed since stays open."""
    if is_open(record) and store.get_experiment(record.name) == record:
        counts = Counter(trial.state.value for trial in trials)
        store.put_experiment(replace(record, final_states=dict(counts)))


def reopen(store: StateStore, record: ExperimentRecord) -> None:
    """Open an experiment before its trials are changed: a crash in between leaves it open, which harms nothing."""
    if not is_open(record):
        store.put_experiment(replace(record, final_states=None))


def enlist(store: StateStore, most: int = 500) -> None:
    """Put the experiments of former versions, which are in no list of open ones, into it: so many at a time, and all of
    them once. Those that are over are then closed like any others.
    """
    try:
        known = store.get_enlisted() or EnlistedRecord(until=None, is_whole=False)
    except UnreadableRecordError:
        return  # it is left as it is
    if known.is_whole:
        return
    until = known.until
    found = 0
    for record in islice(store.experiments_since(until), most):
        found += 1
        until = record.created_at
        kept = if_readable(partial(store.get_experiment, record.name)) if is_open(record) else None
        if kept is not None and is_open(kept):
            store.put_experiment(kept)
    store.put_enlisted(EnlistedRecord(until=until, is_whole=found < most or until == known.until))


def open_experiments(store: StateStore) -> Iterator[ExperimentRecord]:
    """The open experiments, and those with trials that are not over: a former version recorded them, or they were
    closed at the moment when a trial was added. The latter are open from now on.
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
