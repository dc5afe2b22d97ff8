"""How often the hook writes: a token bucket that starts full, so that a job's first steps are out at once."""

from __future__ import annotations


class Pace:
    """Allows `per_second` flushes a second, and `burst` of them in a row after a rest. Times are monotonic seconds."""

    def __init__(self, per_second: float, burst: int = 4) -> None:
        self._interval = 1.0 / per_second
        self._burst = burst
        self._full_at = float("-inf")  # when the bucket is or was full again

    def take(self, now: float) -> float:
        """Take the next flush's place and return how long to wait for it."""
        allowed = self._full_at - self._burst * self._interval + self._interval
        start = max(now, allowed)
        self._full_at = max(self._full_at, start) + self._interval
        return start - now
