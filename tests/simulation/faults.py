"""Faults on purpose in the simulation, in the words of the embedded cloud (gridwatch.localcloud.faults)."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from gridwatch.localcloud.faults import Fault, FaultPlan, Faults


@dataclass(frozen=True, slots=True)
class At:
    """One fault, at one call: the n-th (from 1) of an operation by a function."""

    function: str
    operation: str
    occurrence: int
    fault: Fault


_NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class Ailments:
    """Faults besides those of calls and events: `skew`, the most seconds by which clocks are wrong; `slow`, the share
    of calls that take as long as a client waits at most; `twice`, the share of deliveries that a queue makes twice.
    """

    faults: Faults = _NO_FAULTS
    at: At | None = None
    skew: float = 0.0
    slow: float = 0.0
    twice: float = 0.0


NONE = Ailments()


class Trouble:
    """Draws what happens next, while it is `on`. `done` counts, by function, operation and fault; `calls` are all calls
    that were made, by function and operation.
    """

    def __init__(self, ailments: Ailments, seed: int) -> None:
        self.on = True
        self.done: Counter[str] = Counter()
        self.calls: Counter[tuple[str, str]] = Counter()
        self._ailments = ailments
        self._plan = FaultPlan(ailments.faults)
        self._chance = random.Random(f"trouble {seed}")

    def of_call(self, function: str, operation: str) -> Fault | None:
        self.calls[function, operation] += 1
        if not self.on:
            return None
        at = self._ailments.at
        if at is not None:
            mine = (at.function, at.operation) == (function, operation)
            found = at.fault if mine and self.calls[function, operation] == at.occurrence else None
        else:
            found = self._plan.of_call(operation)
        if found is not None:
            self.done[f"{function} {operation} {found}"] += 1
        return found

    def of_event(self) -> list[float]:
        return self._plan.of_event() if self.on else [0.0]

    def delivers_twice(self) -> bool:
        return self.on and self._chance.random() < self._ailments.twice

    def latency(self) -> float:
        """Seconds that a call takes."""
        if self.on and self._chance.random() < self._ailments.slow:
            return self._chance.uniform(5.0, 45.0)
        return self._chance.uniform(0.005, 0.06)

    def skew(self) -> float:
        return self._chance.uniform(-self._ailments.skew, self._ailments.skew)
