"""One writer for each experiment's tables: who comes meanwhile is served by the one that comes after.

Two snapshots of one experiment at the same time would each write over what the other has, and what one has read to its
end the next would read again. So whoever writes holds the experiment's turn. Who finds it taken, or finds that the last
snapshot has ended just now, leaves one message behind for all of them, which comes when it may be taken again: an
experiment whose tables take long is written less often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gridwatch.domain.experiments import SnapshotTurn
from gridwatch.events.messages import SnapshotExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import UnreadableRecordError, if_readable
from gridwatch_rules.clock import Clock

REST = 1.0  # of the time that the last snapshot took passes before the next: half of the time is spent on one at most
MARGIN = timedelta(seconds=10)  # after the end of an invocation it is certain that it writes no more
LONGEST_DELAY = 900  # seconds that SQS keeps a message back
PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """`queue`: the one that this function reads; `holder`: this invocation."""

    store: StateStore
    queue: MessageQueue
    clock: Clock
    holder: str

    def claim(self, experiment: str, since: datetime, seconds_left: float) -> bool:
        """Whether this invocation is to write the tables now, alone, for as long as it lasts.

        False when tables as of `since` are there, and when others write them or have done so just now: then a message
        comes later. Raises ConflictError when the turn is written to all the time.
        """
        for _ in Patience(self.clock, seconds=PATIENCE).tries():
            try:
                turn, now = self.store.get_turn(experiment) or SnapshotTurn(experiment=experiment), self.clock.now()
            except UnreadableRecordError:
                return True  # nobody can keep whose turn it is, and the tables are written all the same
            if turn.as_of is not None and turn.as_of >= since:
                return False
            due = _due(turn, now)
            try:
                if due is not None:
                    self._come_later(turn, due, now)
                    return False
                until = now + timedelta(seconds=seconds_left) + MARGIN
                self.store.save_turn(replace(turn, holder=self.holder, until=until, comes_at=None))
            except ConflictError:
                continue
            return True
        raise ConflictError(f"the turn of {experiment} is written to all the time")

    def ask_again(self, experiment: str) -> None:
        """For a call that has no time even to begin."""
        self.queue.send(SnapshotExperiment(experiment))

    def finish(self, experiment: str, as_of: datetime, *, whole: bool) -> None:
        """The snapshot that began at `as_of` is written; `whole`: nothing is left for another call."""
        now = self.clock.now()
        took = (now - as_of).total_seconds()
        ended = {"as_of": as_of, "ended_at": now, "seconds": took} if whole else {}
        turn = self._release(experiment, **ended)
        if turn is not None and (not whole or turn.comes_at is not None):
            # Whoever came meanwhile does not wait for as long as this call might have lasted.
            self._send(experiment, turn.comes_at or now, now)

    def give_up(self, experiment: str) -> None:
        """Nothing was written; the message comes again."""
        self._release(experiment)

    def _release(self, experiment: str, **ended: Any) -> SnapshotTurn | None:
        """The turn as it is kept now; None when it is another's by now."""
        for _ in Patience(self.clock, seconds=PATIENCE).tries():
            turn, now = if_readable(partial(self.store.get_turn, experiment)), self.clock.now()
            if turn is None or turn.holder != self.holder:
                return None
            free = replace(turn, holder=None, until=None, **ended)
            if turn.comes_at is not None:
                free = replace(free, comes_at=_due(free, now) or now)
            try:
                return self.store.save_turn(free)
            except ConflictError:
                continue
        raise ConflictError(f"the turn of {experiment} is written to all the time")

    def _come_later(self, turn: SnapshotTurn, due: datetime, now: datetime) -> None:
        """One message for all that come until then."""
        if turn.comes_at is None or turn.comes_at <= now:
            at = self._send(turn.experiment, due, now)
            self.store.save_turn(replace(turn, comes_at=at))

    def _send(self, experiment: str, due: datetime, now: datetime) -> datetime:
        delay = min(max(math.ceil((due - now).total_seconds()), 0), LONGEST_DELAY)
        self.queue.send(SnapshotExperiment(experiment), delay_seconds=delay)
        return now + timedelta(seconds=delay)


def _due(turn: SnapshotTurn, now: datetime) -> datetime | None:
    """When the tables may be written again; None: now."""
    if turn.holder is not None and turn.until is not None and turn.until > now:
        return turn.until
    if turn.ended_at is not None:
        rested = turn.ended_at + timedelta(seconds=REST * turn.seconds)
        return rested if rested > now else None
    return None
