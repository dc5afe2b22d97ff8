"""Numbers as XGBoost reads and prints them."""

from __future__ import annotations

import math
import struct

LARGEST_SINGLE = float.fromhex("0x1.fffffep+127")  # XGBoost's labels and features are of single precision
SMALLEST_SINGLE = float.fromhex("0x1p-126")  # above 0; what is smaller XGBoost calls out of range


def is_single(value: float) -> bool:
    """Whether the number is finite in single precision too."""
    return abs(value) <= LARGEST_SINGLE


def finite(value: object) -> float | None:
    """The finite number that a value is, also as text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def single(number: float) -> float | None:
    """The number in single precision; None for one that is too large for that, or too small and not 0."""
    if not is_single(number):
        return None
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded if number == 0 or abs(rounded) >= SMALLEST_SINGLE else None


def whole(value: object) -> int | None:
    """The integer that a value is, also as text, as SageMaker's SDK has all hyperparameters; None for anything else."""
    number = finite(value)
    return int(number) if number is not None and number == math.floor(number) else None


def printed(value: object) -> str | None:
    """A parameter of a metric's name: read in single precision, written with six digits, as a C++ stream does."""
    number = finite(value)
    if number is None:
        return None
    try:
        (single,) = struct.unpack("f", struct.pack("f", number))
    except OverflowError:
        return None
    return f"{single:g}"
