"""The trials of several experiments, or of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.store import StateStore

FEW = 20  # experiments that are asked for one by one; of more, all trials are read by the page


def trials_of(
    store: StateStore, experiments: Collection[str], states: Collection[TrialState] = tuple(TrialState)
) -> Mapping[str, Sequence[TrialRecord]]:
    """The trials of each of these experiments, by index. Of many experiments they are read from the list by state, and
    only those in one of these states.
    """
    if len(experiments) <= FEW:
        return {name: store.list_trials(name) for name in experiments}
    wanted = set(experiments)
    found: dict[tuple[str, str], TrialRecord] = {}
    # In the order in which trials go through their states: one that moves meanwhile is seen twice, and the last counts.
    for state in filter(states.__contains__, TrialState):
        for trial in store.trials_in(state):
            if trial.experiment in wanted:
                found[trial.experiment, trial.trial_id] = trial
    grouped: dict[str, list[TrialRecord]] = {name: [] for name in experiments}
    for trial in found.values():
        grouped[trial.experiment].append(trial)
    return {name: sorted(its, key=lambda trial: trial.index) for name, its in grouped.items()}
