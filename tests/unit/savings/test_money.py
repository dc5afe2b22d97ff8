"""Amounts as people read them."""

from __future__ import annotations

import math

import pytest

from gridwatch.savings.money import between, figure, money


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (0.0, "0.00 USD"),
        (1.0, "1.00 USD"),
        (12345.678, "12,345.68 USD"),
        (0.0149, "0.01 USD"),
        (0.00999, "0.010 USD"),
        (0.01, "0.01 USD"),
        (0.0026, "0.0026 USD"),
        (0.00012345, "0.00012 USD"),
        (3.2e-9, "0.0000000032 USD"),
        (-0.0026, "-0.0026 USD"),
        (-2.5, "-2.50 USD"),
        (math.inf, "inf USD"),
    ],
)
def test_an_amount_has_its_currency_and_little_is_not_nothing(amount: float, told: str) -> None:
    assert money(amount, "USD") == told


def test_a_range_names_the_currency_once() -> None:
    assert between(0.0021, 0.5, "EUR") == "0.0021 to 0.50 EUR"
    assert figure(0.5) == "0.50"
