"""Writes amounts of money for people. This is the only place that turns an amount into text, always with its
currency.
"""

from __future__ import annotations

import math
from decimal import Decimal

_CENT = 0.01


def money(amount: float, currency: str) -> str:
    """The amount as text in whole cents; below a cent, with its first two significant digits, so that a little is not
    shown as nothing.

    An amount that is not finite is written as such, and never as a number.
    """
    return f"{figure(amount)} {currency}"


def figure(amount: float) -> str:
    """The number of `money` alone, for a column whose heading names the currency."""
    if not math.isfinite(amount):
        return f"{amount}"
    size = abs(amount)
    if size == 0 or size >= _CENT:
        return f"{amount:,.2f}"
    return f"{Decimal(f'{amount:.1e}'):f}"


def between(low: float, high: float, currency: str) -> str:
    """Two amounts as a range: `0.0021 to 0.0035 USD`."""
    return f"{figure(low)} to {money(high, currency)}"
