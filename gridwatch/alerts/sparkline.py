"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_NOT_FINITE = "!"
LONGEST = 32


def sparkline(values: Sequence[float]) -> str:
    """The last values as bars between their least and greatest; `!` where one is not finite."""
    shown = values[-LONGEST:]
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return _NOT_FINITE * len(shown)
    # Halved first, so that the distance of two huge numbers stays finite.
    low, height = min(finite) / 2, max(finite) / 2 - min(finite) / 2
    return "".join(_bar(value / 2 - low, height) if math.isfinite(value) else _NOT_FINITE for value in shown)


def _bar(above: float, height: float) -> str:
    if height == 0:
        return _BARS[3]
    return _BARS[min(len(_BARS) - 1, int(above / height * len(_BARS)))]
