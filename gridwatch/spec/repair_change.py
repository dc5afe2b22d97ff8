"""The one change of a repair."""

from __future__ import annotations

from typing import Any


def changed(value: Any, times: float | None, becomes: Any) -> Any:
    """The hyperparameter after the repair; None when a value that is not a number would be multiplied."""
    if times is None:
        return becomes
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(f"{value * times:.12g}")  # 0.3 and not 0.30000000000000004
