"""Settles what stops saved when their jobs are over, so that the ledger holds what is known by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gridwatch.domain.reactions import ReactionRecord
from gridwatch.savings.settling import needs_settling, settled
from gridwatch.savings.sparing import progress_of
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import Isolation
from gridwatch.tables.facts import TrialFacts
from gridwatch.verdicts.decision import Response
from snapshot_experiment.curve_table import LogStreams, OpenTensors


def settle(
    store: StateStore,
    trials: Sequence[TrialFacts],
    open_tensors: OpenTensors,
    logs: LogStreams | None = None,
) -> tuple[TrialFacts, ...]:
    """The trials, with the records of their stops as they are now. Repeating it changes nothing.

    What damage keeps from being settled stays an estimate.
    """
    found = {each.trial.trial_id: each for each in trials}
    for each in trials:
        with Isolation().each(each.trial.trial_id):
            found[each.trial.trial_id] = _settled(store, each, trials, open_tensors, logs)
    return tuple(found.values())


def _settled(
    store: StateStore,
    facts: TrialFacts,
    trials: Sequence[TrialFacts],
    open_tensors: OpenTensors,
    logs: LogStreams | None,
) -> TrialFacts:
    job = facts.job
    if job is None or not any(needs_settling(facts.trial, reaction) for reaction in facts.reactions):
        return facts
    open_log = (lambda job: logs.open(job.job_name)) if logs is not None else None
    stops = [each for each in facts.reactions if each.action == Response.STOP and needs_settling(facts.trial, each)]
    restart = next((each.savings.restart for each in stops if each.savings is not None), None)
    progress = progress_of(job, lambda job: open_tensors(job.job_name, job), open_log, restart) if stops else None

    def now(reaction: ReactionRecord) -> ReactionRecord:
        if not needs_settling(facts.trial, reaction):
            return reaction
        after = settled(reaction, facts.trial, job, progress, lambda: [each.trial for each in trials])
        if after != reaction:
            store.finish_reaction(after)
        return after

    return replace(facts, reactions=tuple(now(reaction) for reaction in facts.reactions))
