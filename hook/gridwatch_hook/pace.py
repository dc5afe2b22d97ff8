"""Decides how often the hook writes: each write makes Gridwatch look at the job, and each look has a price.

Gridwatch works out the terms when it launches a job (gridwatch.pace has the formula and its source). Without such terms
the hook writes as often as the destination allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

FIRST_SECONDS = 300.0  # seconds; the looks that a job of this length may have are available from its beginning
_URGENT_GAP = 1.0  # seconds between two looks at something urgent
_EASED = 3  # the looks after the first come sooner: after an eighth, a quarter and a half of the usual interval
_PLENTY = 8  # some looks come sooner only when a job has at least this many at its beginning


class Pace(Protocol):
    """Says when the next write may be. Times are monotonic seconds."""

    def delay(self, now: float, *, urgent: bool) -> float:
        """Seconds until the next write may be made; 0 or less when it may be made now."""
        ...

    def taken(self, now: float) -> None:
        """Record that a write is made now."""
        ...

    def wish(self, every: float) -> None:
        """Set the seconds between two writes that somebody has asked for; infinity when nobody has."""
        ...


class FixedPace:
    """A pace of `per_second` writes a second, with `burst` of them in a row after a rest. It is a token bucket that
    starts full, so that a job's first steps are written at once.
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
    """The limits on the cost of looks at a job. `look_seconds` is the interval between two looks at which their cost
    together with the cost of lateness is least. `least_seconds` is the smallest mean interval that the limit on the
    share of the job's price allows (0 when looks are free). `first_looks` is how many looks a job of five minutes may
    have.
    """

    look_seconds: float
    least_seconds: float = 0.0
    first_looks: int = 1

    def for_workers(self, workers: int) -> Terms:
        """The terms of one worker among several. Each worker's writes are looked at, and together they keep to these
        terms.
        """
        if workers <= 1:
            return self
        first = max(1, self.first_looks // workers)
        return Terms(self.look_seconds * workers, self.least_seconds * workers, first)


class PricedPace:
    """A pace of looks at the interval of least cost, or sooner when a step is urgent. The limit on the share always
    holds: after `t` seconds there were at most `first_looks`, and one more for each `least_seconds` beyond the first
    five minutes.
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
