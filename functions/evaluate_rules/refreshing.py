"""Asks for the tables of an experiment while its jobs run, where the deployment wants them that fresh."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gridwatch.events.messages import SnapshotExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.state.codec import moment_text
from gridwatch_rules.clock import Clock


@dataclass(slots=True, kw_only=True)
class Refresher:
    """`interval`: seconds from the first news to the tables that have it; 0: they wait for an end or the schedule."""

    queue: MessageQueue
    clock: Clock
    interval: float
    _due: dict[str, datetime] = field(default_factory=dict)

    def news_of(self, experiment: str) -> None:
        """Ask once for all news up to the moment when the tables are read. The first news waits twice as long: where
        all shares one machine, the first seconds of a job are for its rules.
        """
        now = self.clock.now()
        if self.interval <= 0 or now < self._due.get(experiment, now):
            return
        delay = math.ceil(self.interval if experiment in self._due else 2 * self.interval)
        self._due[experiment] = now + timedelta(seconds=delay)
        self.queue.send(
            SnapshotExperiment(experiment, moment_text(self._due[experiment])), delay_seconds=min(delay, 900)
        )
