"""The hook's only readings of time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time. `wall` is in Unix seconds, `monotonic` in seconds from an arbitrary point."""

    def wall(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
