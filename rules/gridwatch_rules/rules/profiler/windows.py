"""The last values of several series, and percentiles of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


class Windows:
    """The last `size` values of each key, and the number of all its values."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}

    def add(self, key: str, value: float) -> None:
        values = self._values.get(key)
        if values is None:
            values = self._values[key] = deque(maxlen=self._size)
        values.append(value)
        self._counts[key] = self._counts.get(key, 0) + 1

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order in which they came."""
        return iter(self._values)

    def count(self, key: str) -> int:
        """The number of all values of the key."""
        return self._counts.get(key, 0)

    def values(self, key: str) -> list[float]:
        return list(self._values.get(key, ()))

    def percentile(self, key: str, percent: float) -> float:
        return percentile(self._values[key], percent)

    def save(self) -> dict[str, Any]:
        return {key: [self._counts[key], list(values)] for key, values in self._values.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._values = {key: deque(values, maxlen=self._size) for key, (_, values) in saved.items()}
        self._counts = {key: count for key, (count, _) in saved.items()}


def percentile(values: Iterable[float], percent: float) -> float:
    """The percentile, interpolated linearly between the two nearest ranks as in numpy.percentile. `values` must not be
    empty.
    """
    ordered = sorted(values)
    rank = (len(ordered) - 1) * percent / 100
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)
