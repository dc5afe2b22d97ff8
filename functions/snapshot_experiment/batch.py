"""One batch of messages: every experiment asked for once, and a failure of one kept away from the others."""

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
from snapshot_experiment.turns import Turns


class Snapshots(Protocol):
    def take(self, experiment: str, stamp: Stamp, time_is_up: Callable[[], bool]) -> SnapshotReport: ...

    def changed_experiments(self) -> Iterable[str]: ...


class KeepsHistory(Protocol):
    def close_yesterday(self, now: datetime) -> int:
        """Keep what yesterday left, unless that is done; returns how many rows."""
        ...

    @property
    def damaged(self) -> Sequence[str]:
        """The keys of tables that could not be read."""
        ...


class Journal(Protocol):
    """Where the outcome of each snapshot is told."""

    def taken(self, report: SnapshotReport) -> None: ...

    def day_closed(self, rows: int) -> None: ...

    def refused(self, subject: str, reason: str) -> None:
        """Asking again will not help."""
        ...

    def failed(self, subject: str, error: Exception) -> None:
        """The message comes again."""
        ...


@dataclass(frozen=True, slots=True)
class BatchRunner:
    """Takes the snapshots that a batch asks for. `time_left` says in seconds how long the invocation may still take."""

    snapshots: Snapshots
    history: KeepsHistory
    journal: Journal
    clock: Clock
    request_id: str
    time_left: Callable[[], float]
    live: LiveTables | None = None
    turns: Turns | None = None
    to_write: float = 90.0  # with less time left no further job is read: what was read must be written still
    reserve: float = 60.0  # a schedule's tick begins no snapshot with less time left: the next tick goes on

    def run(self, batch: Batch) -> Sequence[str]:
        """Ids of the messages that must come again. What can never succeed is told and not asked for again."""
        for message_id, reason in batch.unreadable.items():
            self.journal.refused(message_id, reason)
        failed = [
            message_id
            for experiment, message_ids in batch.experiments.items()
            if self._is_due(experiment, batch.live.get(experiment))
            and not self._take_in_turn(experiment, batch.asked.get(experiment))
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
                self._take_in_turn(experiment)

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

    def _take_in_turn(self, experiment: str, asked: datetime | None = None) -> bool:
        """As `_take`, while nobody else does; True also when somebody else has done it since it was asked, or will.

        A message for this is no reason to come again: if another is needed, it is on its way.
        """
        if self.turns is None:
            return self._take(experiment)
        if self._is_time_up():
            self.turns.ask_again(experiment)
            return True
        try:
            mine = self.turns.claim(experiment, asked or self.clock.now(), self.time_left())
        except Exception as error:  # noqa: BLE001  the edge, as below
            self.journal.failed(experiment, error)
            return False
        return not mine or self._take(experiment)

    def _take(self, experiment: str) -> bool:
        now = self.clock.now()
        stamp = Stamp(f"{now:%Y%m%dT%H%M%SZ}-{self.request_id[:8]}", now)
        try:
            report = self.snapshots.take(experiment, stamp, self._is_time_up)
            self.journal.taken(report)
            if self.turns is not None:
                self.turns.finish(experiment, now, whole=not report.unread)
        except Exception as error:  # noqa: BLE001  the edge: one experiment's failure is not the others'
            return self._gave_up(experiment, error)
        if self.live is not None:
            self.live.took(experiment, now, self.clock.now())
        return True

    def _is_time_up(self) -> bool:
        return self.turns is not None and self.time_left() < self.to_write

    def _gave_up(self, experiment: str, error: Exception) -> bool:
        """Whether it is done with all the same: asking again for what is not known will not help."""
        if self.turns is not None:
            try:
                self.turns.give_up(experiment)
            except Exception as further:  # noqa: BLE001  its time runs out by itself
                self.journal.failed(experiment, further)
        if isinstance(error, UnknownExperimentError):
            self.journal.refused(experiment, str(error))
            return True
        self.journal.failed(experiment, error)
        return False
