"""Computes quantiles of ranked values."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(ranked: Sequence[float], share: float) -> float:
    """The value below which `share` of the ascending values lie, interpolated between neighbours (Hyndman and Fan's
    type 7, numpy's default). Infinite values count: between a finite and an infinite value the result is infinite.
    """
    place = share * (len(ranked) - 1)
    below = math.floor(place)
    part = place - below
    if not part:
        return ranked[below]
    low, high = ranked[below], ranked[below + 1]
    return high if low == high or math.isinf(high) else low + part * (high - low)


def median(ranked: Sequence[float]) -> float:
    return quantile(ranked, 0.5)
