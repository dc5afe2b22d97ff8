"""A rule's state as strict JSON, which has no NaN and no infinity while losses do."""

from __future__ import annotations

import math
from typing import Any

_KEY = "not finite"


def encode(state: Any) -> Any:
    """The same structure with each number that is not finite written as a small object."""
    if isinstance(state, float):
        return state if math.isfinite(state) else {_KEY: str(state)}
    if isinstance(state, dict):
        return {key: encode(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [encode(value) for value in state]
    return state


def decode(state: Any) -> Any:
    """What `encode` was given (tuples as lists)."""
    if isinstance(state, dict):
        return float(state[_KEY]) if set(state) == {_KEY} else {key: decode(value) for key, value in state.items()}
    return [decode(value) for value in state] if isinstance(state, list) else state
