"""Reads labels and predictions as vectors of class numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def class_numbers(values: NDArray[Any], *, argmax: bool) -> NDArray[Any]:
    """The class numbers, of shape (samples,), in a vector of numbers or, with `argmax`, in one row of scores per
    sample.

    Numbers are rounded to the nearest class, so that a probability of class 1 becomes 1 from one half on (Debugger
    casts to int, which is the same for whole numbers). Raises ValueError for scores per class without `argmax`, for
    text and for values that are not finite.
    """
    import numpy as np

    if values.dtype.kind not in "biuf" or not np.isfinite(values.astype(np.float64)).all():
        raise ValueError(f"classes are finite numbers, not {values.dtype} with {values.size} values")
    if values.ndim > 1 and values.shape[-1] > 1:
        if not argmax:
            raise ValueError(f"a tensor of shape {values.shape} holds scores per class: set argmax to True")
        values = values.argmax(axis=-1)
    numbers: NDArray[Any] = np.rint(values.reshape(-1)).astype(np.int64)
    return numbers
