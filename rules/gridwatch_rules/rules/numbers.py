"""Reads numbers through a view, ignoring text, empty tensors and tensors that were not saved whole, and compares them
with limits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gridwatch_rules.tensors.errors import TensorUnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.rules.view import StepView


def exceeds(observed: float, limit: float) -> bool:
    """Whether the observed value is above the limit by more than its rounding error: (0.55 - 0.5) / 0.5 does not exceed
    0.1.
    """
    return observed > limit and not math.isclose(observed, limit, rel_tol=1e-9)


def reduced(view: StepView, name: str, kind: str, *, absolute: bool = False) -> float | None:
    """A reduction of the tensor at this step, saved or computed; None when there is neither, or no numbers."""
    try:
        return view.reduction(name, kind, absolute=absolute)
    except (TensorUnavailableError, ValueError):
        return None


def numbers_of(view: StepView, name: str, step: int | None = None) -> NDArray[Any] | None:
    """The tensor as float64 (also from integers and booleans), if it was saved whole and holds at least one real
    number.
    """
    import numpy as np

    try:
        value = view.value(name, step)
    except TensorUnavailableError:
        return None
    return value.astype(np.float64) if value.size and value.dtype.kind in "biuf" else None
