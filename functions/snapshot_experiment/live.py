"""Keeps the tables of running experiments up to date, as far as snapshots are cheap."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gridwatch.events.messages import SnapshotExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.state.codec import moment_text

_REST = 4  # times as long as the last snapshot took nothing is done for the same tables: a fifth of the time at most


@dataclass(frozen=True, slots=True)
class _Taken:
    as_of: datetime
    rests_until: datetime


@dataclass(slots=True)
class LiveTables:
    """The tables of running experiments that this process has written. `queue` is the one that it reads."""

    queue: MessageQueue
    _taken: dict[str, _Taken] = field(default_factory=dict)

    def is_due(self, experiment: str, since: str, now: datetime) -> bool:
        """Whether tables as of `since` or later are to be written now: not when they exist, and later when others were
        written a moment ago.
        """
        taken = self._taken.get(experiment)
        if taken is None:
            return True
        if since <= moment_text(taken.as_of):
            return False
        wait = (taken.rests_until - now).total_seconds()
        if wait <= 0:
            return True
        self.queue.send(SnapshotExperiment(experiment, since), delay_seconds=min(math.ceil(wait), 900))
        return False

    def took(self, experiment: str, as_of: datetime, now: datetime) -> None:
        self._taken[experiment] = _Taken(as_of, now + timedelta(seconds=_REST * (now - as_of).total_seconds()))
