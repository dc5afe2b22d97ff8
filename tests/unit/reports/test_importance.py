from __future__ import annotations

import math
import random

import pytest
from scipy.stats import kruskal

from gridwatch.reports.experiment.importance import importances, varied


def test_the_effect_is_that_of_the_kruskal_wallis_test() -> None:
    noise = random.Random(3)
    trials = [
        ({"depth": depth, "other": n % 2}, depth / 10 + noise.gauss(0, 0.2)) for n, depth in enumerate([2, 4, 8] * 20)
    ]
    groups = [[value for parameters, value in trials if parameters["depth"] == depth] for depth in (2, 4, 8)]
    h = kruskal(*groups).statistic
    found = {each.name: each for each in importances(trials)}
    assert found["depth"].effect == pytest.approx((h - 3 + 1) / (60 - 3))
    assert found["depth"].levels == 3
    assert found["other"].effect < 0.1 < found["depth"].effect
    assert [each.name for each in importances(trials)] == ["depth", "other"]


def test_ties_are_counted_as_the_test_counts_them() -> None:
    values = [1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 1.0, 3.0]
    groups = [0, 0, 0, 0, 1, 1, 1, 1]
    h = kruskal(values[:4], values[4:]).statistic
    (found,) = importances([({"a": group}, value) for group, value in zip(groups, values, strict=True)])
    assert found.effect == pytest.approx(max(0.0, (h - 1) / 6))


def test_a_trial_that_diverged_counts_no_more_than_the_worst() -> None:
    trials = [({"a": n % 2}, float(n)) for n in range(20)]
    (sane,) = importances(trials)
    (wild,) = importances([*trials[:-1], ({"a": 1}, 1e30)])
    assert sane.effect == wild.effect


def test_many_numbers_are_put_into_groups_and_equal_ones_stay_together() -> None:
    trials = [({"eta": n / 100}, float(n)) for n in range(100)]
    (found,) = importances(trials)
    assert found.levels == 8
    assert found.effect > 0.9
    (skewed,) = importances([({"eta": 0.0 if n < 90 else n}, float(n)) for n in range(100)])
    assert skewed.levels == 2


def test_what_cannot_be_judged_is_left_out() -> None:
    assert importances([]) == []
    assert importances([({"a": 1}, 1.0), ({"a": 2}, 2.0)]) == [], "as many values as trials"
    assert importances([({"a": 1}, math.nan), ({"a": 2}, 1.0), ({"a": 2}, 2.0)]) == []
    (flat,) = importances([({"a": n % 2}, 1.0) for n in range(6)])
    assert flat.effect == 0.0


def test_parameters_that_differ() -> None:
    assert varied([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": None}]) == ["b"]
    assert varied([{"a": 1}, {}]) == ["a"]
    assert varied([]) == []
