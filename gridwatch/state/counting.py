"""Counts of an experiment: what one change of its trials or reactions makes of them, and how all of it is counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import DAMAGE, if_readable

TrialChange = tuple[TrialRecord | None, TrialRecord]  # before, None for a new one, and after
_STOP = "stop"  # gridwatch.verdicts.decision.Response
_MILLIONTHS = 1_000_000


def changes_counts(before: TrialRecord | None, after: TrialRecord) -> bool:
    """Whether the counts are others after this change of a trial."""
    if before is None or before.state is not after.state or _took(before) != _took(after):
        return True
    return after.state is TrialState.COMPLETED and before.final_metrics != after.final_metrics


def after_trials(counts: ExperimentCounts, changes: Iterable[TrialChange]) -> ExperimentCounts:
    """The counts after these changes of trials."""
    states, took = Counter(counts.states), Counter(counts.took)
    for before, after in changes:
        if before is not None:
            states[before.state.value] -= 1
            took.subtract(_took(before))
        states[after.state.value] += 1
        took.update(_took(after))
        counts = _after_value(counts, after)
    return replace(counts, states=_present(states), took=_present(took))


def after_reaction(counts: ExperimentCounts, before: ReactionRecord | None, after: ReactionRecord) -> ExperimentCounts:
    """The counts after a reaction came in the place of another."""
    cost = Counter(counts.saved_cost)
    if before is not None:
        cost.subtract(_saved_cost(before))
    cost.update(_saved_cost(after))
    saved = counts.saved - (saved_milliseconds(before) if before is not None else 0) + saved_milliseconds(after)
    return replace(counts, saved=saved, saved_cost=_present(cost))


def together(first: ExperimentCounts, spills: Iterable[ExperimentCounts]) -> ExperimentCounts:
    """The counts that lie in several parts: what is counted is added up, and the best value is the best of all parts.
    What is not counted is the first part's.
    """
    found = first
    for part in spills:
        found = replace(
            found,
            states=_added(found.states, part.states),
            took=_added(found.took, part.took),
            saved=found.saved + part.saved,
            saved_cost=_added(found.saved_cost, part.saved_cost),
            version=found.version + part.version,
        )
        found = _with_best(found, part)
    return found


def with_difference(part: ExperimentCounts, before: ExperimentCounts, after: ExperimentCounts) -> ExperimentCounts:
    """A part of the counts `before` as it must become so that together they are the counts `after`."""
    best = before.best, before.best_trial, before.best_is_known
    changed = replace(
        part,
        states=_added(part.states, after.states, before.states),
        took=_added(part.took, after.took, before.took),
        saved=part.saved + after.saved - before.saved,
        saved_cost=_added(part.saved_cost, after.saved_cost, before.saved_cost),
    )
    if (after.best, after.best_trial, after.best_is_known) == best:
        return changed
    return replace(
        changed, metric=after.metric, maximize=after.maximize,
        best=after.best, best_trial=after.best_trial, best_is_known=after.best_is_known,
    )  # fmt: skip


def _added(
    counts: Mapping[str, int], further: Mapping[str, int], but: Mapping[str, int] | None = None
) -> Mapping[str, int]:
    found = Counter(counts)
    found.update(further)
    found.subtract(but or {})
    return _present(found)


def _with_best(found: ExperimentCounts, part: ExperimentCounts) -> ExperimentCounts:
    if (part.metric, part.maximize) != (found.metric, found.maximize):
        return found  # of a former objective, whose end has made the best unknown
    if not (found.best_is_known and part.best_is_known):
        return replace(found, best=None, best_trial=None, best_is_known=False)
    if part.best is None:
        return found
    better = found.best is None or (part.best > found.best if found.maximize else part.best < found.best)
    return replace(found, best=part.best, best_trial=part.best_trial) if better else found


def saved_as_text(reaction: ReactionRecord) -> str:
    """The part of a reaction that is counted, as a text that differs when it does; empty when nothing is."""
    cost = _saved_cost(reaction)
    return f"{saved_milliseconds(reaction)} {sorted(cost.items())}" if saved_milliseconds(reaction) or cost else ""


def saved_milliseconds(reaction: ReactionRecord) -> int:
    return round(reaction.savings.seconds * 1_000) if reaction.savings and reaction.action == _STOP else 0


def nothing_counted(record: ExperimentRecord) -> ExperimentCounts:
    """The counts of an experiment that has no trials."""
    metric, maximize = objective_of(record)
    return ExperimentCounts(experiment=record.name, is_whole=True, metric=metric, maximize=maximize)


def with_objective(counts: ExperimentCounts, record: ExperimentRecord) -> ExperimentCounts:
    """The counts after an upload, which may compare trials by another objective: nobody knows its best value yet."""
    metric, maximize = objective_of(record)
    if (metric, maximize) == (counts.metric, counts.maximize):
        return counts
    return replace(counts, metric=metric, maximize=maximize, best=None, best_trial=None, best_is_known=False)


def objective_of(record: ExperimentRecord) -> tuple[str | None, bool]:
    """The metric by which trials are compared, and whether more is better; no metric where the spec cannot be read."""
    try:
        objective = spec_of(record).objective
    except DAMAGE:
        objective = None
    return (objective.metric, objective.maximize) if objective else (None, False)


def counted(
    record: ExperimentRecord, trials: Sequence[TrialRecord], reactions: Iterable[ReactionRecord]
) -> ExperimentCounts:
    """The counts of an experiment from all its trials and the reactions to all its jobs."""
    found = after_trials(nothing_counted(record), ((None, trial) for trial in trials))
    for reaction in reactions:
        found = after_reaction(found, None, reaction)
    return found


def number_of_trials(store: StateStore, experiment: str) -> int:
    """How many trials the experiment has, by its counts where they are whole; else all trials are read."""
    known = if_readable(partial(store.get_counts, experiment))
    return sum(known.states.values()) if known is not None and known.is_whole else len(store.list_trials(experiment))


def correct(
    store: StateStore, record: ExperimentRecord, known: ExperimentCounts | None, trials: Sequence[TrialRecord]
) -> None:
    """Correct the counts, given `known` and after it `trials` as they were read. Counts that were changed since stay as
    they are: whoever looks next corrects them.

    What was saved is read only where the counts are not whole: reactions are read from an index, which shows late what
    was written.
    """
    now = counted(record, trials, _reactions(store, record, trials) if known is None or not known.is_whole else ())
    if known is not None and known.is_whole:
        now = replace(now, saved=known.saved, saved_cost=known.saved_cost)
    unchanged = known is not None and now == replace(known, version=0)
    if not unchanged:
        with suppress(ConflictError):
            store.save_counts(replace(now, version=known.version if known is not None else 0))


def _reactions(store: StateStore, record: ExperimentRecord, trials: Sequence[TrialRecord]) -> Iterable[ReactionRecord]:
    names = [name for trial in trials for name in dict.fromkeys((*trial.former_jobs, trial.job_name))]
    return [each for its in store.records_of_jobs(record.name, names).values() for each in its.reactions]


def _took(trial: TrialRecord) -> Mapping[str, int]:
    """The milliseconds of each instance type that the trial's jobs took which are over."""
    seconds = trial.former_seconds
    if trial.state.is_finished and trial.billable_seconds is not None:
        seconds += trial.billable_seconds
    elif trial.state.is_finished and trial.started_at is not None and trial.ended_at is not None:
        seconds += max(0.0, (trial.ended_at - trial.started_at).total_seconds())
    if not seconds or trial.instance_type is None:
        return {}
    machines = {trial.instance_type: trial.instance_count or 1, **trial.further_machines}
    return {kind: count * round(seconds * 1_000) for kind, count in machines.items()}


def _saved_cost(reaction: ReactionRecord) -> Mapping[str, int]:
    savings = reaction.savings
    if savings is None or savings.cost is None or reaction.action != _STOP:
        return {}
    amount = round(savings.cost * _MILLIONTHS)
    return {savings.currency: amount} if amount else {}


def _after_value(counts: ExperimentCounts, trial: TrialRecord) -> ExperimentCounts:
    value = trial.final_metrics.get(counts.metric or "", math.nan)
    has_value = trial.state is TrialState.COMPLETED and math.isfinite(value)
    if trial.trial_id == counts.best_trial and (not has_value or value != counts.best):
        return replace(counts, best=None, best_trial=None, best_is_known=False)
    better = counts.best is None or (value > counts.best if counts.maximize else value < counts.best)
    if has_value and better and counts.best_is_known:
        return replace(counts, best=value, best_trial=trial.trial_id)
    return counts


def _present(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}
