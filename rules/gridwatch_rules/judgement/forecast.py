"""Bounds how good a curve can still become, cautiously, from its own trend and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LEAST = 4  # fewest reports for a trend


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of the newer half of a curve's reports. That half is split again: the trend holds the median of its
    newer part, the fall per report from its older part to its newer part, the number of the report at which that median
    lies, and the median change between neighbours.
    """

    level: float
    fall: float
    place: float
    noise: float

    def bound(self, reports: float, margin: float, *, decaying: bool) -> float:
        """The lowest value to be expected until the report of that number. The fall continues as it is, or with
        `decaying` like a logarithm (the same fall in each doubling), and `margin` times the noise is subtracted in
        addition.
        """
        ahead = max(reports - self.place, 0.0)
        if decaying:
            ahead = self.place * math.log(max(reports / self.place, 1.0))
        return self.level - self.fall * ahead - margin * self.noise


def trend_of(values: Sequence[float]) -> Trend | None:
    """The trend of the values, as losses in the order of their reports; None for fewer than four finite ones."""
    count = len(values)
    recent = [value for value in values[-max(count // 2, _LEAST) :] if value < math.inf]
    if len(recent) < _LEAST:
        return None
    half = len(recent) // 2
    older, level = _median(recent[:half]), _median(recent[-half:])
    changes = [abs(recent[place + 1] - recent[place]) for place in range(len(recent) - 1)]
    fall = max(older - level, 0.0) / (len(recent) - half)
    return Trend(level, fall, count - half / 2, _median(changes))


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else 0.5 * (ordered[middle - 1] + ordered[middle])
