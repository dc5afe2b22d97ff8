"""Computes quantiles of ranked values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


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


def spread(items: Sequence[T], most: int) -> Sequence[T]:
    """Choose at most so many of the items, evenly spread over their places, the first and the last among them."""
    if len(items) <= most:
        return items
    last = len(items) - 1
    return [items[round(place * last / (most - 1))] for place in range(most)]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation; 0 where either side is constant. Infinite values count as the largest."""
    x, y = ranks(first), ranks(second)
    mean = (len(x) - 1) / 2
    product = math.fsum((a - mean) * (b - mean) for a, b in zip(x, y, strict=True))
    square = math.fsum((a - mean) ** 2 for a in x) * math.fsum((b - mean) ** 2 for b in y)
    return product / math.sqrt(square) if square > 0 else 0.0


def ranks(values: Sequence[float]) -> list[float]:
    """The ranks of the values from 0; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in range(start, end + 1):
            found[order[place]] = (start + end) / 2
        start = end + 1
    return found
