"""Handles one batch of messages: takes one snapshot of every experiment asked for, and isolates each failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gridwatch.tables.facts import Stamp
from gridwatch_rules.clock import Clock
from snapshot_experiment.live import LiveTables
from snapshot_experiment.requests import Batch
from snapshot_experiment.snapshot import SnapshotReport, UnknownExperimentError


class Snapshots(Protocol):
    def take(self, experiment: str, stamp: Stamp) -> SnapshotReport: ...

    def changed_experiments(self) -> Iterable[str]: ...


class KeepsHistory(Protocol):
    def close_yesterday(self, now: datetime) -> int:
        """Write yesterday's history, unless that is done; returns how many rows."""
        ...

    @property
    def damaged(self) -> Sequence[str]:
        """The keys of tables that could not be read."""
        ...


class Journal(Protocol):
    """The port through which the outcome of each snapshot is reported."""

    def taken(self, report: SnapshotReport) -> None: ...

    def day_closed(self, rows: int) -> None: ...

    def refused(self, subject: str, reason: str) -> None:
        """Report a snapshot for which asking again will not help."""
        ...

    def failed(self, subject: str, error: Exception) -> None:
        """Report a snapshot whose message comes again."""
        ...


@dataclass(frozen=True, slots=True)
class BatchRunner:
    """Takes the snapshots that a batch asks for. `time_left` returns the seconds that the invocation may still take."""

    snapshots: Snapshots
    history: KeepsHistory
    journal: Journal
    clock: Clock
    request_id: str
    time_left: Callable[[], float]
    live: LiveTables | None = None
    reserve: float = 60.0  # a schedule's tick begins no snapshot with less time left: the next tick goes on

    def run(self, batch: Batch) -> Sequence[str]:
        """Take the snapshots and return the ids of messages that must come again. One that can never succeed is
        reported and dropped.
        """
        for message_id, reason in batch.unreadable.items():
            self.journal.refused(message_id, reason)
        failed = [
            message_id
            for experiment, message_ids in batch.experiments.items()
            if self._is_due(experiment, batch.live.get(experiment)) and not self._take(experiment)
            for message_id in message_ids
        ]
        if batch.everything:
            self._close_yesterday()
            self._take_changed(taken=batch.experiments.keys())
        return failed

    def _is_due(self, experiment: str, since: str | None) -> bool:
        return since is None or self.live is None or self.live.is_due(experiment, since, self.clock.now())

    def _take_changed(self, taken: Iterable[str]) -> None:
        # A tick is not asked for again: the next one finds whatever this one could not do.
        for experiment in self.snapshots.changed_experiments():
            if self.time_left() < self.reserve:
                return
            if experiment not in taken:
                self._take(experiment)

    def _close_yesterday(self) -> None:
        # Before anything of today is written over it.
        try:
            rows = self.history.close_yesterday(self.clock.now())
        except Exception as error:  # noqa: BLE001  the edge: the next tick tries again
            self.journal.failed("history", error)
            return
        for key in self.history.damaged:
            self.journal.refused(key, "it cannot be read, and is left out of the history of yesterday")
        if rows:
            self.journal.day_closed(rows)

    def _take(self, experiment: str) -> bool:
        now = self.clock.now()
        stamp = Stamp(f"{now:%Y%m%dT%H%M%SZ}-{self.request_id[:8]}", now)
        try:
            self.journal.taken(self.snapshots.take(experiment, stamp))
        except UnknownExperimentError as error:
            self.journal.refused(experiment, str(error))
        except Exception as error:  # noqa: BLE001  the edge: one experiment's failure is not the others'
            self.journal.failed(experiment, error)
            return False
        if self.live is not None:
            self.live.took(experiment, now, self.clock.now())
        return True
