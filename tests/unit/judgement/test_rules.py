"""The rules across trials on histories of a few numbers, worked out by hand from the formulas that they name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gridwatch.judgement.catalogue import (
    create_judgement_rule,
    is_judgement_rule,
    judgement_rule_class,
    judgement_rule_names,
)
from gridwatch.judgement.history import Ending, History
from gridwatch.judgement.rule import Judgement
from gridwatch.rules.errors import RuleConfigurationError

Curves = Mapping[str, Sequence[float]]


def history_of(completed: Curves, running: Curves = {}, *, maximize: bool = False) -> History:  # noqa: B006  read only
    history = History(maximize=maximize)
    for trial, values in {**completed, **running}.items():
        for resource, value in enumerate(values, 1):
            history.report(trial, resource, value)
        if trial in completed:
            history.end(trial, Ending.COMPLETED)
    return history


def judged(rule: str, history: History, trial: str = "x", **parameters: Any) -> Judgement | None:
    return create_judgement_rule(rule, parameters).judge(trial, history)


@pytest.mark.parametrize("name", judgement_rule_names())
def test_every_rule_is_found_by_its_name_and_says_where_it_comes_from(name: str) -> None:
    rule = judgement_rule_class(name)
    assert rule.name == name
    assert rule.summary
    assert rule.__doc__


@pytest.mark.parametrize("name", judgement_rule_names())
def test_a_value_that_is_not_finite_is_hopeless_at_once(name: str) -> None:
    history = history_of({}, {"x": [1.0, math.nan]})
    found = judged(name, history)
    assert found is not None
    assert "not finite" in found.sentence
    json.dumps(found.evidence, allow_nan=False)


@pytest.mark.parametrize("name", judgement_rule_names())
def test_the_first_trial_and_one_that_said_nothing_go_on(name: str) -> None:
    history = history_of({}, {"x": [1.0, 0.5, 0.4, 0.3, 0.2]})
    history.start("silent")
    assert judged(name, history) is None
    assert judged(name, history, "silent") is None


def test_a_rule_that_is_not_there_is_told_with_those_that_are() -> None:
    assert not is_judgement_rule("MedianStoping")
    with pytest.raises(RuleConfigurationError, match="did you mean MedianStopping"):
        create_judgement_rule("MedianStoping", {})
    with pytest.raises(RuleConfigurationError, match="MedianStopping has no parameter 'min_trails'"):
        create_judgement_rule("MedianStopping", {"min_trails": "3"})


def test_which_way_is_better() -> None:
    auto, least = (
        create_judgement_rule("MedianStopping", {}),
        create_judgement_rule("MedianStopping", {"direction": "min"}),
    )
    assert auto.maximizes("validation-auc")
    assert not auto.maximizes("validation-auc", "minimize")
    assert not auto.maximizes("validation-logloss")
    assert not least.maximizes("validation-auc", "maximize")


OTHERS = {"a": [4.0, 2.0], "b": [6.0, 2.0], "c": [8.0, 2.0]}  # running averages at 2: 3, 4, 5


def test_median_stopping_compares_the_value_with_the_median_of_the_running_averages() -> None:
    assert judged("MedianStopping", history_of(OTHERS, {"x": [9.0, 4.0]})) is None
    found = judged("MedianStopping", history_of(OTHERS, {"x": [1.0, 4.1]}))
    assert found is not None
    assert (found.observed, found.threshold, found.resource) == (4.1, 4.0, 2)
    assert found.evidence["values"] == [3.0, 4.0, 5.0]
    assert judged("MedianStopping", history_of(OTHERS, {"x": [1.0, 4.1]}), min_trials=4) is None
    assert judged("MedianStopping", history_of(OTHERS, {"x": [1.0, 4.1]}), start=3) is None


def test_a_metric_that_is_better_when_higher_is_judged_the_other_way_round() -> None:
    others = {name: [-value for value in values] for name, values in OTHERS.items()}
    assert judged("MedianStopping", history_of(others, {"x": [-9.0, -4.0]}, maximize=True)) is None
    found = judged("MedianStopping", history_of(others, {"x": [-1.0, -4.1]}, maximize=True))
    assert found is not None
    assert (found.observed, found.threshold) == (-4.1, -4.0)


def test_katib_compares_the_best_with_the_mean_of_the_first_reports_of_completed_trials() -> None:
    def katib(values: Sequence[float], completed: Curves = OTHERS) -> Judgement | None:
        return judged("KatibMedianStopping", history_of(completed, {"x": values}), start_step=2)

    completed = {"a": [4.0, 2.0, 0.0], "b": [6.0, 2.0], "c": [12.0, 2.0]}  # averages of the first 2: 3, 4, 7
    assert katib([4.5, 99.0], completed) is None  # the mean is 4.67, the median 4
    found = katib([5.0, 99.0], completed)
    assert found is not None
    assert found.observed == 5.0
    assert found.threshold == pytest.approx(14 / 3)
    assert katib([99.0], completed) is None
    assert katib([5.0, 99.0], {"a": [4.0, 2.0], "b": [6.0, 2.0]}) is None
