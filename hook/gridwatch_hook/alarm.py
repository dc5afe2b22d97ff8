"""Notices in the training itself what should be looked at soon: a loss that is not finite, a loss that begins to rise.

It decides nothing. It only brings the next evaluation forward, and the rules decide there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_QUICK, _SLOW = 0.3, 0.05  # weights of a new value in the quick and in the slow running mean
_WARM = 10  # values before a trend is known
_DEVIATIONS = 3.0  # how many usual distances the quick mean must move away from the slow one
_MOST = 1_000  # tensors that are followed


@dataclass(slots=True)
class _Trend:
    """The running means of one tensor's values."""

    quick: float
    slow: float
    noise: float = 0.0  # running mean of the distance to the quick mean before
    count: int = 1
    rising: bool = False
    finite: bool = True

    def turns(self, value: float) -> bool:
        """Take the next value. True when the curve begins to rise with it, or stops being finite."""
        if not math.isfinite(value):
            was, self.finite = self.finite, False
            return was
        self.finite = True
        if not math.isfinite(self.quick):
            self.quick = self.slow = value
        deviation = abs(value - self.quick)
        self.quick += _QUICK * (value - self.quick)
        self.slow += _SLOW * (value - self.slow)
        self.count += 1
        before = self.rising
        self.rising = self.quick - self.slow > _DEVIATIONS * self.noise or (before and self.quick > self.slow)
        self.noise += _SLOW * (deviation - self.noise) if self.count > _WARM else (deviation - self.noise) / self.count
        return self.rising and not before and self.count > _WARM


class Alarm:
    """Follows scalars by name. It reports each turn for the worse once, until the curve has turned back."""

    def __init__(self) -> None:
        self._courses: dict[str, _Trend] = {}

    def rings(self, name: str, value: float, *, is_loss: bool) -> bool:
        """Whether this value should be looked at soon. A scalar that is no loss rings only when it is not finite."""
        course = self._courses.get(name)
        if course is None:
            if len(self._courses) < _MOST:
                self._courses[name] = _Trend(value, value, finite=math.isfinite(value))
            return not math.isfinite(value)
        turned = course.turns(value)
        return turned and (is_loss or not math.isfinite(value))
