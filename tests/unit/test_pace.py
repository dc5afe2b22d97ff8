"""The pace of looks: the formula against brute force, and the bound on the share at every moment."""

from __future__ import annotations

import json
import math

import pytest

from gridwatch.pace import (
    FREE,
    SHARE,
    UNKNOWN_PRICE,
    Bounds,
    Log,
    LookPrices,
    as_said,
    best_distance,
    expected_seconds,
    is_due,
    pace_of,
)
from gridwatch_hook import pace as hook_pace
from gridwatch_hook.pace import PricedPace, Terms
from gridwatch_hook.settings import Environment

PRICES = LookPrices(look=1.8e-5, check=8e-6, log=9e-6, beginning=6e-6)
HOURLY = (0.05, 0.115, 0.922, 1.41, 7.09, 32.77, 98.32)
LENGTHS = (300.0, 3_600.0, 86_400.0)


def cost(distance: float, look: float, per_hour: float, hours: float) -> float:
    """What looks cost and what being late costs, of a job that is stopped once."""
    return look * hours * 3600 / distance + per_hour / 3600 * distance / 2


@pytest.mark.parametrize("per_hour", HOURLY)
@pytest.mark.parametrize("seconds", LENGTHS)
def test_no_other_distance_costs_less(per_hour: float, seconds: float) -> None:
    best = best_distance(PRICES.look, per_hour, seconds / 3600)
    others = [0.01 * 1.01**step for step in range(2_000)]
    cheapest = min(others, key=lambda distance: cost(distance, PRICES.look, per_hour, seconds / 3600))
    assert best == pytest.approx(cheapest, rel=0.01)


def test_the_figures_of_an_hour() -> None:
    assert best_distance(2.46e-5, 0.115, 1.0) == pytest.approx(74.5, abs=1)
    assert best_distance(2.46e-5, 98.32, 1.0) == pytest.approx(2.5, abs=0.1)


@pytest.mark.parametrize("per_hour", HOURLY)
@pytest.mark.parametrize("seconds", LENGTHS)
@pytest.mark.parametrize("share", [0.002, SHARE, 0.1])
@pytest.mark.parametrize("every", [None, 1.0, 1_000.0])
@pytest.mark.parametrize("urgent", [False, True])
def test_all_together_keep_to_the_share_however_soon_the_job_is_over(
    per_hour: float, seconds: float, share: float, every: float | None, urgent: bool
) -> None:
    pace = pace_of(per_hour, seconds, PRICES, Bounds(share=share, every=every))
    told = Environment.read({"GRIDWATCH_PACE": pace.for_hook()}).pace
    assert told is not None
    hook, now, spent = PricedPace(told, 0.0), 0.0, PRICES.beginning
    step = max(1.0, min(pace.look_seconds, 60.0) / 4)
    can_pay = share * per_hour / 3600 * 0.8 * 300 >= 2 * PRICES.look + PRICES.beginning
    while now < 6_000:
        if hook.delay(now, urgent=urgent) <= 0:
            hook.taken(now)
            spent += PRICES.look
        now += step
        closing, checks = PRICES.look, PRICES.check * math.floor(now / pace.check_seconds)
        if now >= 300 and can_pay:
            assert spent + closing + checks <= share * per_hour / 3600 * now * (1 + 1e-6)


def test_dear_jobs_are_looked_at_sooner_and_long_ones_later() -> None:
    found = [pace_of(per_hour, 3_600, PRICES, Bounds()).look_seconds for per_hour in HOURLY]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 3
    lengths = [pace_of(1.0, seconds, PRICES, Bounds()).look_seconds for seconds in LENGTHS]
    assert lengths == sorted(lengths)


def test_a_price_that_is_not_known_is_a_cheap_instances() -> None:
    assert pace_of(None, 3_600, PRICES, Bounds()) == pace_of(UNKNOWN_PRICE, 3_600, PRICES, Bounds())
    assert pace_of(0.0, 3_600, PRICES, Bounds()) == pace_of(UNKNOWN_PRICE, 3_600, PRICES, Bounds())


def test_what_is_looked_at_beside_the_hook_shares_with_it() -> None:
    alone = pace_of(0.115, 3_600, PRICES, Bounds())
    logged = pace_of(0.115, 3_600, PRICES, Bounds(), log=Log.FOLLOWED)
    both = pace_of(0.115, 3_600, PRICES, Bounds(), log=Log.FOLLOWED, profiled=True)
    assert logged.least_seconds == pytest.approx(2 * alone.least_seconds)
    assert both.least_seconds == pytest.approx(3 * alone.least_seconds)
    assert pace_of(0.115, 3_600, PRICES, Bounds(), log=Log.CHECKED).least_seconds == alone.least_seconds
    assert logged.check_seconds > alone.check_seconds


def test_a_wish_counts_within_the_share() -> None:
    assert pace_of(98.0, 3_600, PRICES, Bounds(every=10.0)).look_seconds == 10.0
    assert pace_of(0.115, 3_600, PRICES, Bounds(every=10.0)).look_seconds > 60.0
    assert as_said(Bounds(), 0.05, None) == Bounds(share=0.05)
    assert as_said(Bounds(share=0.02, every=30.0), None, None) == Bounds(share=0.02, every=30.0)


def test_where_looks_are_free_they_are_quick() -> None:
    assert pace_of(0.115, 3_600, PRICES, Bounds(free=True)) == FREE
    assert json.loads(FREE.for_hook()) == {"look_seconds": 0.25, "least_seconds": 0.0, "first_looks": 1}


def test_what_earlier_trials_took_bounds_the_length() -> None:
    assert expected_seconds(86_400, []) == 86_400
    assert expected_seconds(86_400, [100.0, 300.0, 200.0]) == 250.0
    assert expected_seconds(86_400, [100.0, 300.0]) == 250.0
    assert expected_seconds(120, [1_000.0]) == 120


@pytest.mark.parametrize("check_seconds", [10.0, 60.0, 124.0, 300.0, 451.0])
def test_checks_come_as_often_as_they_may(check_seconds: float) -> None:
    hours = 10
    checks = sum(is_due(check_seconds, 17.0 + 60.0 * minute) for minute in range(60 * hours))
    assert checks == pytest.approx(3600 * hours / max(60.0, check_seconds), abs=1.5)


def test_the_hook_and_gridwatch_mean_the_same_first_minutes() -> None:
    from gridwatch.pace import FIRST_SECONDS

    assert FIRST_SECONDS == hook_pace.FIRST_SECONDS
    assert Terms(1.0).least_seconds == 0.0


@pytest.mark.parametrize("distance", [float("nan"), float("inf"), -1.0, 0.0])
def test_what_is_no_distance_holds_no_check_up(distance: float) -> None:
    assert is_due(distance, 30.0)
