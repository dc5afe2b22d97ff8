"""Settles what stops saved when their jobs are over, so that the ledger holds what is known by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.savings.progress import Progress
from gridwatch.savings.settling import needs_settling, settled
from gridwatch.savings.sparing import progress_of
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import Isolation
from gridwatch.tables.facts import TrialFacts
from gridwatch.verdicts.decision import Response
from snapshot_experiment.curve_table import LogStreams, OpenTensors

_AT_ONCE = 50  # reactions that are written together; a call that dies loses the work of that many


@dataclass
class Settler:
    """Settles the stops of one experiment. When the time is up, the rest keep their estimates, and `left` says of how
    many trials: the next call goes on.
    """

    store: StateStore
    trials: Sequence[TrialFacts]
    open_tensors: OpenTensors
    logs: LogStreams | None = None
    time_is_up: Callable[[], bool] = lambda: False
    left: int = 0
    isolation: Isolation = field(default_factory=Isolation)
    _unwritten: list[ReactionRecord] = field(default_factory=list)

    def settle(self) -> tuple[TrialFacts, ...]:
        """The trials, with the records of their stops as they are now. Repeating it changes nothing. What damage keeps
        from being settled stays an estimate, and `isolation` says why.
        """
        found = {each.trial.trial_id: each for each in self.trials}
        for each in self.trials:
            with self.isolation.each(each.trial.trial_id):
                found[each.trial.trial_id] = self._settled(each)
        self._write()
        return tuple(found.values())

    def _settled(self, facts: TrialFacts) -> TrialFacts:
        job, due = facts.job, [each for each in facts.reactions if needs_settling(facts.trial, each)]
        if job is None or not due:
            return facts
        if self.time_is_up():
            self.left += 1
            return facts
        stops = [each for each in due if each.action == Response.STOP]
        progress = self._progress(job, stops) if stops else None
        now = [settled(each, facts.trial, job, progress, lambda: self._siblings) for each in due]
        self._unwritten += [after for before, after in zip(due, now, strict=True) if after != before]
        if len(self._unwritten) >= _AT_ONCE:
            self._write()
        after = {each.rule_name: each for each in now}
        return replace(facts, reactions=tuple(after.get(each.rule_name, each) for each in facts.reactions))

    def _progress(self, job: JobRecord, stops: Sequence[ReactionRecord]) -> Progress | None:
        logs = self.logs
        open_log = (lambda job: logs.open(job.job_name)) if logs is not None else None
        restart = next((each.savings.restart for each in stops if each.savings is not None), None)
        return progress_of(job, lambda job: self.open_tensors(job.job_name, job), open_log, restart)

    @cached_property
    def _siblings(self) -> Sequence[TrialRecord]:
        return [each.trial for each in self.trials]

    def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        if unwritten:
            self.store.finish_reactions(unwritten)
