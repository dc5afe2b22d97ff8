"""Judges jobs by rules that look across the trials of their experiment.

A job's reports go to the experiment's log, whose entries nobody changes. A call whose entry's number is taken leaves
the reports beside the log, waits at random, reads on and tries the next number; whoever comes next takes along what was
left. Then the rules judge, by what the log says up to each report: a call that comes twice, late, or after one that
died comes to the same verdicts, because how far each rule has judged is saved with the job's evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialState
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch_rules.judgement.history import Ending
from gridwatch_rules.judgement.live import (
    Replica,
    TrialReports,
    as_earlier_entry,
    first_entry,
    log_name,
    taking_along,
)
from gridwatch_rules.judgement.reported import ReportsRecord
from gridwatch_rules.judgement.running import CrossTrialRule, CrossTrialRules, SeenOfTrial
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.streams.metric_source import MetricSource

_LOGS = 16  # that one process remembers, as long as they have no more reports than these, 250 MB
_REPORTS = 1_000_000
_BEFORE = 200  # entries before its own for which a call looks at what was left: others have waited longer
_ENDINGS = {TrialState.COMPLETED: Ending.COMPLETED, TrialState.FAILED: Ending.FAILED}


@dataclass(slots=True)
class CrossTrialJudge:
    """Judges jobs across trials. It remembers the logs it has read; of one that it has read it reads what is new."""

    store: StateStore
    patience: Patience = field(default_factory=Patience)
    _replicas: dict[tuple[str, bool], Replica] = field(default_factory=dict)

    def advance(
        self, job: JobRecord, rules: CrossTrialRules, *, ended: bool, there: Callable[[MetricSource], str]
    ) -> Iterator[StatusChange]:
        """The rules whose status becomes another by what was just collected, and with `ended` by the end of the job.
        `there`: in words what the job saved of a source, for rules whose metric was not among it.

        Raises GridwatchError, and ConflictError when others write all the time.
        """
        ending = self._ending(job) if ended else None
        for (log, maximize), names in _by_log(job, rules).items():
            rule = rules.rules[names[0]]
            collected = rules.collected[rule.reports.name]
            reports = [
                (float(each.step), resource, each.value)
                for each in collected.fresh
                if math.isfinite(resource := each.resource(rule.resource, counted=rule.source is MetricSource.LOG))
            ]
            told = TrialReports(_trial(job), reports, collected.planned(rule.resource, job.hyperparameters), ending)
            replica = self._replica(log, maximize=maximize)
            self._record(replica, told, job, rule)
            yield from rules.judge(names, replica, told.trial, collected)
            if ended:
                others = replica.knows_others(told.trial)
                seen = SeenOfTrial(collected, told.planned, replica.reached(told.trial), others)
                yield from rules.finish(names, seen, there(rule.source))

    def _record(self, replica: Replica, told: TrialReports, job: JobRecord, rule: CrossTrialRule) -> None:
        log = log_name(job.experiment, rule.metric, rule.resource)
        left_at: int | None = None
        for _ in self.patience.tries():
            replica.extend(self.store.reports_after(log, replica.number))
            try:
                if not replica.number:
                    self._add(replica, self._beginning(log, job, rule))
                self._add(replica, self._entries(replica, told, log, left_at))
            except ConflictError:
                if left_at is None:
                    left_at = replica.number
                    self._leave(replica, told, log)
                continue
            if (first := replica.lacks_earlier) is not None:
                replica.precede(self._earlier(first))
            return
        raise ConflictError(f"the reports of {log} are written to all the time")

    def _entries(self, replica: Replica, told: TrialReports, log: str, left_at: int | None) -> Iterable[ReportsRecord]:
        """What is to be appended now: nothing where somebody else took it along. Who was overtaken takes along what
        others left lately.
        """
        entries = told.entries(replica, log)
        if left_at is None or not entries:
            return entries
        return taking_along(entries, self.store.left_reports(log, max(left_at - _BEFORE, 0)), replica)

    def _leave(self, replica: Replica, told: TrialReports, log: str) -> None:
        """Leave the reports for whoever appends next. It is a help and no more: this call goes on trying."""
        if (record := told.left(replica, log)) is not None:
            self.store.leave_reports(record)

    def _add(self, replica: Replica, records: Iterable[ReportsRecord]) -> None:
        for record in records:
            self.store.add_reports(record)
            replica.extend([record])

    def _beginning(self, log: str, job: JobRecord, rule: CrossTrialRule) -> Iterator[ReportsRecord]:
        """What an experiment that starts from another knows of it when its own first trial reports."""
        experiment = if_readable(lambda: self.store.get_experiment(job.experiment))
        if experiment is not None and (earlier := spec_of(experiment).earlier_experiment):
            earlier_log = log_name(earlier, rule.metric, rule.resource)
            if known := len(self.store.reports_after(earlier_log, 0)):
                yield first_entry(log, earlier_log, known)

    def _earlier(self, first: ReportsRecord) -> list[ReportsRecord]:
        """The entries that the log's first one names, those before them first. A log names only what was there before
        it, so this ends.
        """
        records = list(self.store.reports_after(first.earlier_log or "", 0)[: first.earlier_number])
        before = self._earlier(records[0]) if records and records[0].earlier_log else []
        return [*before, *(as_earlier_entry(record) for record in records if not record.earlier_log)]

    def _replica(self, log: str, *, maximize: bool) -> Replica:
        """The one remembered, now the last to be forgotten."""
        replica = self._replicas.pop((log, maximize), None) or Replica(maximize=maximize)
        self._replicas[log, maximize] = replica
        while len(self._replicas) > 1 and (len(self._replicas) > _LOGS or self._remembered > _REPORTS):
            self._replicas.pop(next(iter(self._replicas)))
        return replica

    @property
    def _remembered(self) -> int:
        return sum(replica.reports for replica in self._replicas.values())

    def _ending(self, job: JobRecord) -> Ending:
        """How the job ended. Nobody knows it of an attempt that the trial has left behind: it did not complete."""
        trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
        if trial is None or trial.job_name != job.job_name:
            return Ending.STOPPED
        return _ENDINGS.get(trial.state, Ending.STOPPED)


def _trial(job: JobRecord) -> str:
    """Each attempt begins a curve of its own."""
    return f"{job.trial_id}-{job.attempt}"


def _by_log(job: JobRecord, rules: CrossTrialRules) -> dict[tuple[str, bool], list[str]]:
    logs: dict[tuple[str, bool], list[str]] = {}
    for name, rule in rules.rules.items():
        logs.setdefault((log_name(job.experiment, rule.metric, rule.resource), rule.maximize), []).append(name)
    return logs
