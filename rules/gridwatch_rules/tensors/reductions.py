"""Computes reductions of tensors, by the names and definitions of smdebug's ReductionConfig."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

REDUCTIONS = ("min", "max", "mean", "std", "variance", "sum", "prod", "l1", "l2")


def reduce_tensor(values: NDArray[Any], kind: str, *, absolute: bool = False) -> float:
    """Reduce a tensor to one number. `std` and `variance` divide by the number of elements. The norms are
    numpy.linalg.norm's, as in smdebug: the usual ones for a vector, the operator norms for a matrix, and for more axes
    those of the flattened vector.

    Raises ValueError for an unknown name, for text, and for an empty tensor.
    """
    if kind not in REDUCTIONS:
        raise ValueError(f"unknown reduction {kind!r}: one of {', '.join(REDUCTIONS)}")
    if values.dtype.kind not in "biufc" or not values.size:
        raise ValueError(f"no {kind} of {values.size} values of type {values.dtype}")
    numbers = np.abs(values) if absolute else values
    if kind in ("l1", "l2"):
        return float(np.linalg.norm(numbers if 1 <= numbers.ndim <= 2 else numbers.reshape(-1), ord=int(kind[1])))
    with np.errstate(all="ignore"):
        return float(getattr(np, "var" if kind == "variance" else kind)(numbers))
