"""Decides whose trial is next: by priority first, then round-robin across experiments, so that none waits behind a
large grid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from gridwatch.domain.trials import TrialRecord


class FairOrder:
    """Hands out waiting trials one by one, within each experiment's limit of parallel jobs.

    `waiting` holds each experiment's trials in the store's order; only as many are read as are handed out, and one more
    to see whose turn it is. `running` counts the slots taken by experiment; `limits` says how many each may take. An
    experiment without a limit (its record is missing) is skipped.
    """

    def __init__(
        self, waiting: Mapping[str, Iterator[TrialRecord]], running: Mapping[str, int], limits: Mapping[str, int]
    ) -> None:
        self._waiting = dict(waiting)
        self._heads: dict[str, TrialRecord] = {}
        self._taken = Counter(running)
        self._limits = limits
        self._turns: Counter[str] = Counter()

    def next(self) -> TrialRecord | None:
        """The next trial, which takes a slot from now on; None when none may start."""
        heads = {name: head for name in list(self._waiting) if self.free(name) > 0 and (head := self._head(name))}
        if not heads:
            return None
        # Equal turns and priority: the experiment that holds fewer slots, then the one that waits longest.
        chosen = min(
            heads,
            key=lambda name: (-heads[name].priority, self._turns[name], self._taken[name], heads[name].created_at),
        )
        self._turns[chosen] += 1
        self._taken[chosen] += 1
        return self._heads.pop(chosen)

    def free(self, experiment: str) -> int:
        return self._limits.get(experiment, 0) - self._taken[experiment]

    def give_back(self, trial: TrialRecord) -> None:
        """Give back the slot of a trial that did not use it."""
        self._taken[trial.experiment] -= 1

    def skip(self, trial: TrialRecord) -> None:
        """Undo a turn: neither slot nor turn was used."""
        self.give_back(trial)
        self._turns[trial.experiment] -= 1

    def close(self, experiment: str) -> None:
        """Hand out no more trials of this experiment."""
        self._waiting.pop(experiment, None)

    def _head(self, experiment: str) -> TrialRecord | None:
        if experiment not in self._heads:
            trial = next(self._waiting[experiment], None)
            if trial is None:
                self.close(experiment)
                return None
            self._heads[experiment] = trial
        return self._heads[experiment]
