"""How long each part of the demo took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gridwatch_rules.clock import Clock


@dataclass(slots=True)
class Phases:
    """Seconds by phase, in the order in which the phases ran."""

    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = self.clock.now()
        try:
            yield
        finally:
            self.seconds[name] = (self.clock.now() - start).total_seconds()

    @property
    def total(self) -> float:
        return sum(self.seconds.values())
