"""Evaluates rules across trials while the trials run.

A log holds the trials' reports of a metric in the order in which they became known. Rules judge a report by the history
of the entries up to it, so a verdict depends only on those entries: any process that reads the log again, even after a
crash, comes to the same verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gridwatch_rules.judgement.history import Ending, History
from gridwatch_rules.judgement.reported import OtherReports, ReportsRecord
from gridwatch_rules.judgement.rule import Judgement, JudgementRule


def log_name(experiment: str, metric: str, resource: str) -> str:
    """The name of the log of an experiment's reports of a metric, counted in that resource."""
    return f"{experiment}#{metric}#{resource}"


@dataclass(frozen=True, slots=True)
class Pending:
    """A rule without a verdict on a trial so far, and the resource up to which it has judged the trial."""

    rule: JudgementRule
    judged: float = -math.inf


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's judgement, its step, and the number of the log entry that held the judged report."""

    judgement: Judgement
    step: int
    number: int


def first_entry(log: str, earlier_log: str, known: int) -> ReportsRecord:
    """The first entry of the log of an experiment that continues from another one. It says that the first `known`
    entries of the earlier log come before all entries of this log.
    """
    return ReportsRecord(log=log, number=1, trial="", earlier_log=earlier_log, earlier_number=known)


def as_earlier_entry(record: ReportsRecord) -> ReportsRecord:
    """Rename the trial in an earlier experiment's entry, so that it cannot be mistaken for one of this experiment."""
    others = tuple(replace(each, trial=f"{record.log}/{each.trial}") for each in record.others)
    return replace(record, trial=f"{record.log}/{record.trial}", others=others)


class Replica:
    """One log as far as it was read, and the history made from it.

    Reading on costs only the new entries. When a trial has reports in the log that were not judged, because a call died
    or another one was faster, the history of the whole log is built once more.
    """

    def __init__(self, *, maximize: bool = False) -> None:
        self._maximize = maximize
        self._records: list[ReportsRecord] = []
        self._reached: dict[str, float] = {}
        self._ended: set[str] = set()
        self._earlier: Sequence[ReportsRecord] | None = None
        self._history = History(maximize=maximize)
        self._applied = 0
        self.reports = 0  # the entries read so far; each takes about 250 bytes together with its part of the history

    @property
    def number(self) -> int:
        """The number of the last entry that was read."""
        return len(self._records)

    @property
    def lacks_earlier(self) -> ReportsRecord | None:
        """The log's first entry, when it names an earlier log that was not given to `precede` yet."""
        first = self._records[0] if self._records else None
        return first if first is not None and first.earlier_log and self._earlier is None else None

    def precede(self, records: Sequence[ReportsRecord]) -> None:
        """Put the entries of earlier logs before all entries of this one."""
        self._earlier = records
        self.reports += sum(len(part.reports) for record in records for part in record.parts)
        self.forget()

    def extend(self, records: Iterable[ReportsRecord]) -> None:
        """Add the entries that follow."""
        for record in records:
            self._records.append(record)
            if record.earlier_log:
                continue
            for part in record.parts:
                self.reports += len(part.reports)
                if part.reports:
                    self._reached[part.trial] = max(self.reached(part.trial), part.reports[-1][1])
                if part.ending is not None:
                    self._ended.add(part.trial)

    def reached(self, trial: str) -> float:
        """The resource of the trial's last report in the log, -inf before the first."""
        return self._reached.get(trial, -math.inf)

    def knows_others(self, trial: str) -> bool:
        """Whether any other trial has reported."""
        return any(each != trial for each in self._reached) or any(
            part.reports for record in self._earlier or () for part in record.parts
        )

    def has_ended(self, trial: str) -> bool:
        return trial in self._ended

    def forget(self) -> None:
        """Discard the history, after an update that failed half-way. It is then built afresh from the log."""
        self._history, self._applied = History(maximize=self._maximize), 0
        for part in (part for record in self._earlier or () for part in record.parts):
            self._history.start(part.trial, part.planned)
            for _, resource, value in part.reports:
                self._history.report(part.trial, resource, value)
            if part.ending is not None:
                self._history.end(part.trial, Ending(part.ending))

    def judge(self, trial: str, pending: Mapping[str, Pending]) -> dict[str, Verdict]:
        """The first verdict of each rule, by its name, on the reports of the trial that it has not judged yet."""
        since = min((each.judged for each in pending.values()), default=math.inf)
        if self._applied and self.reached(trial) > since and self._was_applied(trial, since):
            self.forget()
        found: dict[str, Verdict] = {}
        for place in range(self._applied, len(self._records)):
            record = self._records[place]
            if record.earlier_log or not record.trial:  # the log's first entry, or one that cannot be read
                continue
            for part in record.parts:
                self._apply(part, place + 1, pending if part.trial == trial else {}, found)
        self._applied = len(self._records)
        return found

    def _was_applied(self, trial: str, since: float) -> bool:
        return any(
            part.trial == trial and any(report[1] > since for report in part.reports)
            for record in self._records[: self._applied]
            for part in record.parts
        )

    def _apply(
        self, part: ReportsRecord | OtherReports, number: int, pending: Mapping[str, Pending], found: dict[str, Verdict]
    ) -> None:
        self._history.start(part.trial, part.planned)
        for step, resource, value in part.reports:
            if not self._history.report(part.trial, resource, value):
                continue
            if part.planned is not None and resource >= part.planned and math.isfinite(value):
                continue  # the trial is over, so there is nothing left to stop
            for name, each in pending.items():
                if name not in found and resource > each.judged:
                    judgement = each.rule.judge(part.trial, self._history)
                    if judgement is not None:
                        found[name] = Verdict(judgement, int(step), number)
        if part.ending is not None:
            self._history.end(part.trial, Ending(part.ending))


Report = tuple[float, float, float]  # tuples of step, resource and value


@dataclass(frozen=True, slots=True)
class TrialReports:
    """The reports of a trial, all or the last of them, and how it ended, when it did."""

    trial: str
    reports: Sequence[Report]
    planned: float | None = None
    ending: Ending | None = None

    def entries(self, replica: Replica, log: str) -> list[ReportsRecord]:
        """The entries to append to the log after those that the replica has read. Reports that the log holds already
        are left out.
        """
        reached = replica.reached(self.trial)
        fresh = tuple(report for report in self.reports if report[1] > reached)
        ended = self.ending if not replica.has_ended(self.trial) else None
        if not fresh and ended is None:
            return []
        parts = [fresh[start : start + _AT_ONCE] for start in range(0, len(fresh), _AT_ONCE)] or [()]
        records = [
            ReportsRecord(log=log, number=number, trial=self.trial, reports=part, planned=self.planned)
            for number, part in enumerate(parts, replica.number + 1)
        ]
        return [*records[:-1], replace(records[-1], ending=ended)]

    def left(self, replica: Replica, log: str) -> ReportsRecord | None:
        """The entry that others may take along into theirs; None when it is none, or a large one."""
        entries = self.entries(replica, log)
        return entries[0] if len(entries) == 1 and len(entries[0].reports) <= _LEFT else None


def taking_along(entries: list[ReportsRecord], left: Iterable[ReportsRecord], replica: Replica) -> list[ReportsRecord]:
    """The entries to append, the last of which takes along what others left, so far as the log does not have it."""
    if not entries:
        return entries
    last, room = entries[-1], _AT_ONCE - len(entries[-1].reports)
    others: dict[str, OtherReports] = {}
    for record in left:
        if record.trial in {last.trial, *others}:
            continue
        ending = Ending(record.ending) if record.ending is not None else None
        reports = [(step, resource, value) for step, resource, value in record.reports]
        told = TrialReports(record.trial, reports, record.planned, ending)
        for each in told.entries(replica, record.log):
            if len(each.reports) < room:
                room -= len(each.reports) + 1
                others[each.trial] = OtherReports(
                    trial=each.trial, reports=each.reports, planned=each.planned, ending=each.ending
                )
    return [*entries[:-1], replace(last, others=tuple(others.values()))]


_AT_ONCE = 2_000  # reports in one entry, of about 40 bytes each; an item of the table may have 400 kB
_LEFT = 200  # reports of an entry that others take along
