"""Counts what became of the tensors while training runs, for the line that the hook logs when it closes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Report:
    """The counters of one hook. The delivery's thread updates them; the training's thread counts what it drops."""

    steps_written: int = 0
    steps_lost: int = 0  # never written: memory ran out while uploads failed, or closing ran out of time
    failed_attempts: int = 0  # writes that failed and were tried again
    index_objects_left_out: int = 0  # steps whose index entry exists only under a later step's `earlier`
    last_error: str = ""
    problems: dict[str, str] = field(default_factory=dict)  # tensors that could not be saved at all, and why

    @property
    def clean(self) -> bool:
        return not (self.steps_lost or self.failed_attempts or self.problems)

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2) + "\n").encode()

    def sentence(self) -> str:
        """The counters as one line for the training's log."""
        parts: list[Any] = [f"{self.steps_written} steps written"]
        if self.steps_lost:
            parts.append(f"{self.steps_lost} steps LOST")
        if self.failed_attempts:
            parts.append(f"{self.failed_attempts} attempts failed (last: {self.last_error})")
        if self.index_objects_left_out:
            parts.append(f"{self.index_objects_left_out} steps have no index object of their own")
        parts.extend(f"{what}: {why}" for what, why in self.problems.items())
        return "gridwatch_hook: " + "; ".join(parts)
