"""Says when a collection is saved: Debugger's save_interval, save_steps, start_step and end_step, by mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SaveSchedule:
    """A schedule that saves the steps in `steps`, and every step in [start, end) that `interval` divides. With interval
    0 it saves `steps` alone.
    """

    interval: int
    start: int = 0
    end: int | None = None
    steps: frozenset[int] = frozenset()

    def saves(self, step: int) -> bool:
        if step in self.steps:
            return True
        if not self.interval or step % self.interval:
            return False
        return step >= self.start and (self.end is None or step < self.end)

    def to_json(self) -> dict[str, Any]:
        """The schedule in the form of smdebug's collections file, where an interval is at least 1."""
        only_steps = not self.interval
        return {
            "save_interval": self.interval or 1,
            "save_steps": sorted(self.steps),
            "start_step": self.start,
            "end_step": 0 if only_steps else self.end,
        }
