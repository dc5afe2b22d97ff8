"""The local cloud's own clock: the only place here that reads the time or sleeps."""

import time


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def monotonic() -> float:
    """Seconds on a clock that never goes back, for measuring and deadlines."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    time.sleep(seconds)
