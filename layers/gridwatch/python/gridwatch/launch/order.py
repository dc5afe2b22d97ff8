"""Whose trial is next: priority first, and round-robin across experiments, so that none waits behind a large grid."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from gridwatch.state.records import TrialRecord


class FairOrder:
    """Hands out waiting trials one by one, within each experiment's limit of parallel jobs.

    `waiting` in the store's order; `running` counts the slots taken by experiment; `limits` says how many it may take.
    An experiment without a limit (its record is not there) is passed over.
    """

    def __init__(self, waiting: Iterable[TrialRecord], running: Mapping[str, int], limits: Mapping[str, int]) -> None:
        self._queues: dict[str, deque[TrialRecord]] = {}
        for trial in waiting:
            self._queues.setdefault(trial.experiment, deque()).append(trial)
        self._taken = Counter(running)
        self._limits = limits
        self._turns: Counter[str] = Counter()

    def next(self) -> TrialRecord | None:
        """The next trial, whose slot counts as taken from now on; None when none may start."""
        open_ones = [name for name, queue in self._queues.items() if queue and self.free(name) > 0]
        if not open_ones:
            return None
        # Equal turns and priority: the experiment that holds fewer slots, then the one that waits longest.
        chosen = min(
            open_ones,
            key=lambda name: (
                -self._queues[name][0].priority,
                self._turns[name],
                self._taken[name],
                self._queues[name][0].created_at,
            ),
        )
        self._turns[chosen] += 1
        self._taken[chosen] += 1
        return self._queues[chosen].popleft()

    def free(self, experiment: str) -> int:
        return self._limits.get(experiment, 0) - self._taken[experiment]

    def give_back(self, trial: TrialRecord) -> None:
        """Its slot was not used after all."""
        self._taken[trial.experiment] -= 1
