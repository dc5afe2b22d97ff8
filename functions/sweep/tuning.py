"""Repairs what lost events left behind of tuning jobs: their ends, and training jobs without a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from gridwatch.domain.experiments import TuningRecord
from gridwatch.domain.trials import TrialState
from gridwatch.launch.tuning_ports import TuningService
from gridwatch.launch.tuning_tracking import TuningTracker
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import Isolation
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError

GRACE = timedelta(minutes=1)  # what is younger is on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSweeper:
    store: StateStore
    tuning: TuningService
    tracker: TuningTracker
    clock: Clock
    isolation: Isolation = field(default_factory=Isolation)

    def sweep(self) -> int:
        """Find training jobs that no event told of, and return how many. Raises GridwatchError when AWS is unwell."""
        before = self.clock.now() - GRACE
        found = 0
        for state in (TrialState.RUNNING, TrialState.STOPPING):
            for record in self.store.tunings_in(state):
                if record.updated_at > before:
                    continue
                with self.isolation.each(record.name):
                    found += self._look(record)
        return found

    def _look(self, record: TuningRecord) -> int:
        found = self.tracker.complete(record)
        try:
            self.tracker.track(self.tuning.describe_tuning(record.name))
        except NotFoundError:
            return found  # deleted since: nobody knows how it ended
        return found
