"""How fast SageMaker is called: a token bucket on the clock, slower for a while after each refusal."""

from __future__ import annotations

from gridwatch.clock import Clock

MAX_BACKOFF_SECONDS = 32.0


class TokenBucket:
    """`rate` calls a second with bursts of at most `burst`. Not shared between processes."""

    def __init__(self, clock: Clock, rate: float, burst: int = 1) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = clock.now()
        self._refusals = 0

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
        """The service said it was too fast: the next call waits 1, 2, 4, … seconds longer, which is returned."""
        delay = min(MAX_BACKOFF_SECONDS, 2.0**self._refusals)
        self._refusals += 1
        self._tokens = 1.0 - delay * self._rate
        return delay

    def accepted(self) -> None:
        """The last call went through: the next refusal starts from one second again."""
        self._refusals = 0

    def _refill(self) -> None:
        now = self._clock.now()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at).total_seconds() * self._rate)
        self._at = now
