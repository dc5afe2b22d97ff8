"""Parts of a search space in which trials fail."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from gridwatch_rules.judgement.regions import Condition, Known, Region, confidence_of, doomed_region

ETAS, DEPTHS = [0.1, 0.3, 1.0], [2, 4, 6, 8]


def grid(fails: Any, *, repeats: int = 2) -> list[Known]:
    points = [{"eta": eta, "max_depth": depth} for eta, depth in itertools.product(ETAS, DEPTHS)] * repeats
    return [Known(point, fails(point)) for point in points]


def found(known: list[Known], **asked: Any) -> str | None:
    doomed = doomed_region(known, ["eta", "max_depth"], **asked)
    return str(doomed.region) if doomed else None


def test_a_value_whose_points_all_fail_is_told_with_its_evidence() -> None:
    doomed = doomed_region(grid(lambda point: point["eta"] == 1.0), ["eta", "max_depth"])
    assert doomed is not None
    assert str(doomed.region) == "eta = 1.0"
    assert (doomed.failures, doomed.known, doomed.elsewhere) == (8, 8, (0, 16))
    assert doomed.confidence == pytest.approx(1 - 0.5**9)


def test_an_interval_and_a_conjunction_are_found() -> None:
    assert found(grid(lambda point: point["max_depth"] >= 6)) == "max_depth >= 6"
    both = grid(lambda point: point["eta"] == 1.0 and point["max_depth"] == 8, repeats=12)
    assert found(both) == "eta = 1.0 and max_depth = 8"


def test_few_failures_doubt_or_a_way_back_doom_nothing() -> None:
    known = grid(lambda point: point["eta"] == 1.0, repeats=1)
    assert found(known[:9] + known[9:], min_failures=5) is None
    assert found(known) is None  # four of four: not enough for as many regions as are looked at
    assert found(known, confidence=0.5) == "eta = 1.0"
    sure = grid(lambda point: point["eta"] == 1.0)
    assert found(sure, but=[Region((Condition("eta", "=", 1.0),))]) is None
    assert found(sure, confidence=0.9999) is None


def test_when_everything_fails_no_part_of_the_space_is_to_blame() -> None:
    assert found(grid(lambda _: True)) is None
    assert found([]) is None


def test_failures_by_chance_are_seldom_blamed_on_a_region() -> None:
    """A share of 0.3 fails everywhere: the confidence of 0.95 holds for all regions of a kind together."""
    blamed = 0
    for seed in range(300):
        draw = random.Random(seed)
        blamed += found(grid(lambda _, draw=draw: draw.random() < 0.3)) is not None
    assert blamed / 300 <= 0.05


def test_the_confidence_is_the_tail_of_the_beta_distribution() -> None:
    assert confidence_of(4, 4, 0.5) == pytest.approx(1 - 0.5**5)
    assert confidence_of(0, 0, 0.5) == pytest.approx(0.5)
    draw = random.Random(1)
    sampled = sum(draw.betavariate(8, 4) >= 0.6 for _ in range(40_000)) / 40_000
    assert confidence_of(7, 10, 0.6) == pytest.approx(sampled, abs=0.01)


def test_a_search_of_five_thousand_points_is_looked_through_at_once() -> None:
    draw = random.Random(5)
    points = [{f"f{index}": draw.random() for index in range(6)} for _ in range(5_000)]
    known = [Known(point, point["f2"] > 0.9 or draw.random() < 0.02) for point in points]
    doomed = doomed_region(known, [f"f{index}" for index in range(6)])
    assert doomed is not None
    (condition,) = doomed.region.conditions
    assert (condition.factor, condition.relation) == ("f2", ">=")


def test_conditions_hold_for_what_they_say() -> None:
    region = Region((Condition("eta", ">=", 0.5), Condition("booster", "=", "dart")))
    assert region.holds({"eta": 1, "booster": "dart"})
    assert not region.holds({"eta": 1})
    assert not region.holds({"eta": "1", "booster": "dart"})
    assert not Condition("flag", "=", 1).holds({"flag": True})
