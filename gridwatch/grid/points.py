"""The grid's points in their stated order: keys as the spec lists them, the last key varies fastest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

Scalar = int | float | bool | str


def count(grid: Mapping[str, Sequence[Scalar]]) -> int:
    """The number of points, without making them; 1 for an empty grid."""
    return math.prod(len(values) for values in grid.values())


def points(grid: Mapping[str, Sequence[Scalar]]) -> Iterator[dict[str, Scalar]]:
    """One mapping for each point, made one at a time."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))
