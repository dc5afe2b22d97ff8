"""The pace at which SageMaker is called: a token bucket on the clock, slower for a while after each refusal.

SageMaker counts calls when they arrive, which jitters. So one call of each burst is kept back, and each refusal makes
the pace slower by a hundredth: calls spaced at exactly the allowed distance would be refused again and again.
"""

from __future__ import annotations

from gridwatch_rules.clock import Clock

MAX_BACKOFF_SECONDS = 32.0
_SLOWER = 0.01
_SLOWEST = 0.9  # of the rate


class TokenBucket:
    """A token bucket: `rate` calls a second with bursts of at most `burst`. It is not shared between processes."""

    def __init__(self, clock: Clock, rate: float, burst: int = 1) -> None:
        self._clock = clock
        self._allowed = rate
        self._pace = 1.0  # of what is allowed
        self._burst = max(1.0, burst - 1.0)
        self._tokens = self._burst
        self._at = clock.now()
        self._refusals = 0

    @property
    def _rate(self) -> float:
        return self._allowed * self._pace

    def wait_seconds(self) -> float:
        """How long `take` would sleep now."""
        self._refill()
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self) -> None:
        """Sleep until a call may be made, and count it."""
        wait = self.wait_seconds()
        if wait > 0:
            self._clock.sleep(wait)
            self._refill()
        self._tokens -= 1.0

    def refused(self) -> float:
        """Note that the service refused a call as too fast: the next call waits 1, 2, 4, … seconds longer, which is
        returned.
        """
        delay = min(MAX_BACKOFF_SECONDS, 2.0**self._refusals)
        self._refusals += 1
        self._pace = max(_SLOWEST, self._pace - _SLOWER)
        self._tokens = 1.0 - delay * self._rate
        return delay

    def accepted(self) -> None:
        """Note that the last call went through: the next refusal starts from one second again."""
        self._refusals = 0

    def _refill(self) -> None:
        now = self._clock.now()
        self._tokens = min(self._burst, self._tokens + (now - self._at).total_seconds() * self._rate)
        self._at = now
