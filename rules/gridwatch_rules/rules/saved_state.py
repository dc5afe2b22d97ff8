"""Converts a rule's state to strict JSON, which lacks the NaN and infinity that losses may have."""

from __future__ import annotations

import math
from typing import Any

_KEY = "not finite"


def encode(state: Any) -> Any:
    """Encode a state: each number that is not finite becomes a small object."""
    if isinstance(state, float):
        return state if math.isfinite(state) else {_KEY: str(state)}
    if isinstance(state, dict):
        return {key: encode(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [encode(value) for value in state]
    return state


def decode(state: Any) -> Any:
    """Decode the result of `encode`. Tuples come back as lists."""
    if isinstance(state, dict):
        return float(state[_KEY]) if set(state) == {_KEY} else {key: decode(value) for key, value in state.items()}
    return [decode(value) for value in state] if isinstance(state, list) else state
