"""How often the hook writes what it has: each write is looked at, and a look has a price.

Gridwatch works out the terms when it launches a job (gridwatch.pace has the formula and its source). Without terms the
hook writes as fast as the place suits that it writes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

FIRST_SECONDS = 300.0  # what a job of this length may spend on looks is there from its beginning
_URGENT_GAP = 1.0  # seconds between two looks at something urgent
_EASED = 3  # looks after the first that come sooner: after an eighth, a quarter and a half of the usual distance
_PLENTY = 8  # looks that a job must have at first for some of them to come sooner


class Pace(Protocol):
    """Says when the next write may be. Times are monotonic seconds."""

    def delay(self, now: float, *, urgent: bool) -> float:
        """How long to wait still for the next write, 0 or less when it may be now."""
        ...

    def taken(self, now: float) -> None:
        """A write is made now."""
        ...

    def wish(self, every: float) -> None:
        """From now on somebody wishes a write every so many seconds; infinity: nobody does."""
        ...


class FixedPace:
    """Allows `per_second` writes a second, and `burst` of them in a row after a rest: a token bucket that starts full,
    so that a job's first steps are out at once.
    """

    def __init__(self, per_second: float, burst: int = 4) -> None:
        self._interval = 1.0 / per_second
        self._burst = burst
        self._full_at = float("-inf")  # when the bucket is or was full again

    def delay(self, now: float, *, urgent: bool) -> float:
        del urgent
        return self._full_at - (self._burst - 1) * self._interval - now

    def taken(self, now: float) -> None:
        self._full_at = max(self._full_at, now) + self._interval

    def wish(self, every: float) -> None:
        del every


@dataclass(frozen=True, slots=True)
class Terms:
    """`look_seconds`: the distance of two looks that costs least together with lateness. `least_seconds`: the mean
    distance that the bound on the share allows (0: looks are free). `first_looks`: as many as a job of five minutes
    may have.
    """

    look_seconds: float
    least_seconds: float = 0.0
    first_looks: int = 1

    def for_workers(self, workers: int) -> Terms:
        """Each of several workers writes, and each write is looked at: together they keep to the terms."""
        if workers <= 1:
            return self
        first = max(1, self.first_looks // workers)
        return Terms(self.look_seconds * workers, self.least_seconds * workers, first)


class PricedPace:
    """Looks at the distance of least cost, sooner where it is urgent, and never more than the share allows: after `t`
    seconds at most `first_looks`, and one more for each `least_seconds` beyond the first five minutes.
    """

    def __init__(self, terms: Terms, began: float) -> None:
        self._terms = terms
        self._began = began
        self._last = float("-inf")
        self._looks = 0
        self._wished = float("inf")

    def delay(self, now: float, *, urgent: bool) -> float:
        return max(self._affordable_at(), self._last + self._gap(urgent=urgent)) - now

    def taken(self, now: float) -> None:
        self._last = now
        self._looks += 1

    def wish(self, every: float) -> None:
        self._wished = every

    def _affordable_at(self) -> float:
        beyond = self._looks + 1 - self._terms.first_looks
        if beyond <= 0 or not self._terms.least_seconds:
            return float("-inf")
        return self._began + FIRST_SECONDS + beyond * self._terms.least_seconds

    def _gap(self, *, urgent: bool) -> float:
        usual = min(self._terms.look_seconds, self._wished)
        if urgent:
            return min(_URGENT_GAP, usual)
        if self._terms.first_looks >= _PLENTY and self._looks <= _EASED:
            return usual / float(2 ** (_EASED + 1 - self._looks))
        return usual
