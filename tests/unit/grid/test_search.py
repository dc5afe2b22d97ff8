"""The points of a search: their order, their draws, and what conditions and constraints leave."""

from __future__ import annotations

import math

import pytest

from gridwatch.grid.search import Draw, ExpressionError, Search, search_points


def values(search: Search) -> list[dict[str, object]]:
    return [point.values for point in search_points(search)]


def test_the_parts_are_combined_and_the_later_vary_faster() -> None:
    search = Search(
        listed=[{"a": 1}, {"a": 2}],
        zipped=[{"b": [1, 2], "c": ["x", "y"]}],
        factors={"d": [True, False]},
        repeats=2,
        seed_name="seed",
        first_seed=5,
    )
    made = list(search_points(search))
    assert len(made) == search.candidates == 16
    assert [point.values for point in made[:5]] == [
        {"a": 1, "b": 1, "c": "x", "d": True, "seed": 5},
        {"a": 1, "b": 1, "c": "x", "d": True, "seed": 6},
        {"a": 1, "b": 1, "c": "x", "d": False, "seed": 5},
        {"a": 1, "b": 1, "c": "x", "d": False, "seed": 6},
        {"a": 1, "b": 2, "c": "y", "d": True, "seed": 5},
    ]
    assert [point.repeat for point in made[:4]] == [0, 1, 0, 1]


def test_the_draws_of_a_seed_are_these() -> None:
    """Known answers: another machine or Python must draw the same, or a spec would mean other trials there."""
    draws = {
        "eta": Draw("log_uniform", [0.001, 1.0]),
        "subsample": Draw("uniform", [0.5, 1.0]),
        "depth": Draw("integer", [2, 10]),
        "booster": Draw("choice", ["gbtree", "dart"]),
    }
    assert values(Search(draws=draws, samples=2, seed=7)) == KNOWN


KNOWN: list[dict[str, object]] = [
    {"eta": 0.00907565, "subsample": 0.672611, "depth": 5, "booster": "gbtree"},
    {"eta": 0.0206294, "subsample": 0.552578, "depth": 6, "booster": "gbtree"},
]


def test_more_samples_and_other_parameters_change_no_draw() -> None:
    one = {"a": Draw("uniform", [0.0, 1.0])}
    few = values(Search(draws=one, samples=3, seed=1))
    more = values(Search(draws={"b": Draw("integer", [1, 9]), **one}, samples=8, seed=1))
    assert [point["a"] for point in few] == [point["a"] for point in more[:3]]
    assert values(Search(draws=one, samples=3, seed=2)) != few


@pytest.mark.parametrize("kind", ["uniform", "log_uniform"])
def test_draws_fill_their_range_as_they_should(kind: str) -> None:
    drawn = [float(str(point["a"])) for point in values(Search(draws={"a": Draw(kind, [0.01, 1.0])}, samples=2_000))]
    assert all(0.01 <= value <= 1.0 for value in drawn)
    middle = 0.505 if kind == "uniform" else math.sqrt(0.01)
    assert sum(value < middle for value in drawn) / len(drawn) == pytest.approx(0.5, abs=0.04)


def test_whole_numbers_reach_both_ends_alike() -> None:
    draw = Draw("integer", [1, 4])
    assert [draw.at(share) for share in (0.0, 0.249, 0.25, 0.5, 0.75, 0.9999999)] == [1, 1, 2, 3, 4, 4]


def test_a_point_that_is_drawn_twice_is_trained_once() -> None:
    assert len(values(Search(draws={"a": Draw("integer", [1, 4])}, samples=100))) == 4


def test_a_condition_takes_a_parameter_out_and_equal_points_count_once() -> None:
    search = Search(
        factors={"booster": ["gbtree", "dart"], "rate_drop": [0.1, 0.2]}, conditions={"rate_drop": 'booster == "dart"'}
    )
    assert values(search) == [
        {"booster": "gbtree"}, {"booster": "dart", "rate_drop": 0.1}, {"booster": "dart", "rate_drop": 0.2},
    ]  # fmt: skip


def test_constraints_leave_points_out_and_are_silent_of_what_a_point_goes_without() -> None:
    factors = {"booster": ["gbtree", "dart"], "rate_drop": [0.1, 0.2]}
    conditions = {"rate_drop": 'booster == "dart"'}
    search = Search(factors=factors, conditions=conditions, constraints=["rate_drop > 0.15"])
    assert values(search) == [{"booster": "gbtree"}, {"booster": "dart", "rate_drop": 0.2}]


def test_expressions_know_static_values_and_names_that_are_no_words() -> None:
    search = Search(factors={"a-b": [1, 2, 3]}, constraints=['parameters["a-b"] <= most'], static={"most": 2})
    assert values(search) == [{"a-b": 1}, {"a-b": 2}]


@pytest.mark.parametrize(
    ("expression", "told"),
    [("a >", "no CEL expression"), ("unknown > 1", "Undefined variable"), ("a", "neither true nor false")],
)
def test_an_expression_without_an_answer_is_told_with_its_place(expression: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told) as caught:
        values(Search(factors={"a": [1]}, constraints=["true", expression]))
    assert caught.value.where == ("constraints", 1)


def test_one_and_true_are_two_points() -> None:
    assert len(values(Search(factors={"a": [1, True]}))) == 2
