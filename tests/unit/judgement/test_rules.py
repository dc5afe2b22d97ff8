"""The rules across trials on histories of a few numbers, worked out by hand from the formulas that they name."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gridwatch_rules.judgement.catalogue import (
    create_judgement_rule,
    is_judgement_rule,
    judgement_rule_class,
    judgement_rule_names,
)
from gridwatch_rules.judgement.extrapolation import _forecast
from gridwatch_rules.judgement.halving import _shares, bracket_of
from gridwatch_rules.judgement.history import Ending, History
from gridwatch_rules.judgement.rule import Judgement
from gridwatch_rules.rules.errors import RuleConfigurationError

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


def test_katib_compares_the_best_with_the_median_of_running_averages_of_completed_trials() -> None:
    completed = {"a": [4.0, 2.0, 0.0], "b": [6.0, 2.0], "c": [12.0, 2.0]}  # averages of the first 2: 3, 4, 7

    def katib(values: Sequence[float], completed: Curves = completed, **parameters: Any) -> Judgement | None:
        history = history_of(completed, {"x": values, "y": [0.0, 0.0]})
        return judged("KatibMedianStopping", history, start_step=2, **parameters)

    assert katib([4.0, 99.0]) is None
    found = katib([4.5, 99.0])
    assert found is not None
    assert (found.observed, found.threshold) == (4.5, 4.0)
    assert katib([4.5, 99.0], form="implemented") is None  # the mean is 4.67
    assert katib([5.0, 99.0], form="implemented") is not None
    assert katib([99.0]) is None
    assert katib([5.0, 99.0], {"a": [4.0, 2.0], "b": [6.0, 2.0]}) is None


COLUMN = {name: [9.0, value] for name, value in zip("abcde", (1.0, 2.0, 3.0, 4.0, 5.0), strict=True)}


def test_percentile_stopping_keeps_the_best_share_of_completed_trials() -> None:
    for percentile, kept, stopped in ((50.0, 3.0, 3.01), (25.0, 2.0, 2.01)):
        assert judged("PercentileStopping", history_of(COLUMN, {"x": [9.0, kept]}), percentile=percentile) is None
        found = judged("PercentileStopping", history_of(COLUMN, {"x": [9.0, stopped]}), percentile=percentile)
        assert found is not None
        assert found.threshold == kept
    four = dict(list(COLUMN.items())[:4])
    assert judged("PercentileStopping", history_of(four, {"x": [9.0, 8.0]})) is None
    assert judged("PercentileStopping", history_of(COLUMN, {"x": [9.0, 8.0]}), start=3) is None
    assert judged("PercentileStopping", history_of(COLUMN, {"x": [9.0, 8.0]}), start=1, interval=2) is None


def test_truncation_stops_the_worst_share_of_all_that_came_as_far() -> None:
    def truncated(value: float, **parameters: Any) -> Judgement | None:
        history = history_of({}, {**COLUMN, "x": [9.0, value]})
        return judged("TruncationStopping", history, delay_evaluation=2, **parameters)

    assert truncated(5.0, truncation_percentage=20) is None  # level with the worst but one
    assert truncated(5.1, truncation_percentage=20) is not None
    assert truncated(99.0, truncation_percentage=10) is None  # a tenth of six trials is none
    assert judged("TruncationStopping", history_of({}, {**COLUMN, "x": [9.0, 99.0]})) is None  # delayed to 5


def test_bandit_allows_a_distance_to_the_best() -> None:
    def banned(value: float, *, maximize: bool = False, best: float = 2.0, **parameters: Any) -> Judgement | None:
        history = history_of({}, {"a": [best], "x": [value]}, maximize=maximize)
        return judged("BanditStopping", history, delay_evaluation=1, **parameters)

    assert banned(2.4, slack_factor=0.2) is None
    assert banned(2.41, slack_factor=0.2) is not None
    assert banned(2.5, slack_amount=0.5) is None
    assert banned(2.51, slack_amount=0.5) is not None
    assert banned(0.8 / 1.2 + 0.001, maximize=True, best=0.8, slack_factor=0.2) is None
    assert banned(0.8 / 1.2 - 0.001, maximize=True, best=0.8, slack_factor=0.2) is not None
    with pytest.raises(RuleConfigurationError, match="not both"):
        banned(1.0, slack_factor=0.1, slack_amount=0.1)


def test_patience_counts_reports_since_the_best() -> None:
    curve = [3.0, 2.0, 2.0, 2.5, 2.0]
    assert judged("Patience", history_of({}, {"x": curve}), patience=4) is None
    assert judged("Patience", history_of({}, {"x": curve}), patience=3) is not None
    assert judged("Patience", history_of({}, {"x": [3.0, 2.9, 2.8, 2.7]}), patience=3, min_delta=0.5) is not None
    assert judged("Patience", history_of({}, {"x": [3.0, 2.9, 2.8, 2.0]}), patience=3, min_delta=0.5) is None


def test_asha_lets_one_of_three_pass_each_rung() -> None:
    def rung(*values: float, **parameters: Any) -> Judgement | None:
        others = {str(place): [9.0, 9.0, value] for place, value in enumerate(values[:-1])}
        return judged("ASHA", history_of({}, {**others, "x": [9.0, 9.0, values[-1]]}), grace=3, **parameters)

    assert rung(5.0, 4.0) is None  # the best of two
    assert rung(4.0, 5.0) is not None
    assert rung(1.0, 2.0, 3.0, 4.0, 5.0, 2.0) is None  # two of six
    assert rung(1.0, 2.0, 3.0, 4.0, 5.0, 2.5) is not None
    assert judged("ASHA", history_of({}, {"a": [1.0, 1.0], "x": [9.0, 9.0]}), grace=3) is None


def test_hyperband_compares_within_a_bracket_alone() -> None:
    shares = _shares(9.0, 1, 3.0)
    assert shares == (9, 5, 3)  # ceil(3 * 9 / 3), ceil(3 * 3 / 2), 3
    names = [f"trial-{number}" for number in range(60)]
    first = [name for name in names if bracket_of(name, shares) == 0]
    later = [name for name in names if bracket_of(name, shares) == 1]
    assert len(first) > len(later) > 0
    history = history_of({}, {name: [float(place)] for place, name in enumerate(first)})
    for name in later:
        history.report(name, 1, 0.0)
    assert judged("Hyperband", history, first[0], max_resource=9) is None
    assert judged("Hyperband", history, first[-1], max_resource=9) is not None
    assert judged("Hyperband", history, later[-1], max_resource=9) is None  # its first rung is at 3


def power_law(best: float, *, rate: float = 1.0, reports: int = 30) -> list[float]:
    return [best + 1.0 * place**-rate for place in range(1, reports + 1)]


def test_extrapolation_knows_a_power_law_again() -> None:
    resources = tuple(float(place) for place in range(1, 11))
    expected, chance = _forecast(resources, power_law(0.5, reports=10), 30.0, 0.6)
    assert expected == pytest.approx(0.5 + 1 / 30, abs=0.01)
    assert chance > 0.99
    assert _forecast(resources, power_law(0.5, reports=10), 30.0, 0.45)[1] < 0.01


def test_extrapolation_stops_what_will_not_become_good_and_keeps_what_will() -> None:
    completed = {f"t{place}": power_law(0.1 + 0.01 * place) for place in range(10)}
    running = {"bad": power_law(0.5, reports=10), "slow": power_law(0.05, rate=0.9, reports=10)}
    history = history_of(completed, running)
    found = judged("CurveExtrapolation", history, "bad", max_resource=30)
    assert found is not None
    assert found.evidence["probability"] < 0.05
    assert judged("CurveExtrapolation", history, "slow", max_resource=30) is None


def test_the_uncertainty_of_the_extrapolation_is_honest_for_its_own_model() -> None:
    draw = random.Random(7)
    inside = 0
    for _ in range(200):
        values = [value + draw.gauss(0, 0.02) for value in power_law(0.3, rate=0.7, reports=12)]
        end = 0.3 + 40**-0.7 + draw.gauss(0, 0.02)
        inside += 0.05 < _forecast(tuple(range(1, 13)), values, 40.0, end)[1] < 0.95
    assert 0.82 <= inside / 200 <= 0.98  # 0.9, with the error of 200 draws and of unequal exponents


def good_trials(count: int = 20) -> dict[str, list[float]]:
    """All alike, each a little worse than the one before."""
    return {f"t{place}": power_law(0.1 + 0.01 * place, reports=20) for place in range(count)}


def default_judges(values: Sequence[float], completed: Curves | None = None, **parameters: Any) -> Judgement | None:
    history = history_of(good_trials() if completed is None else completed)
    history.start("x", 20)
    for resource, value in enumerate(values, 1):
        history.report("x", resource, value)
    return judged("GridDefault", history, **parameters)


STILL = [2.0, 1.9, 1.85, 1.8, 1.82, 1.79, 1.81, 1.8, 1.83]
FALLING = [1.2, 1.0, 0.9, 0.8, 0.7, 0.62, 0.55, 0.5, 0.45]
SLOW = [*[1.5] * 15, 0.5, 0.3, 0.2, 0.1, 0.05]


def grounds(found: Judgement | None) -> list[str]:
    return [] if found is None else found.evidence["grounds"]


def test_the_default_stops_a_trial_against_which_two_grounds_speak() -> None:
    found = default_judges(STILL[:6])
    assert found is not None
    assert grounds(found) == ["outside", "extrapolated"]
    assert found.threshold == pytest.approx(0.1 + 0.07 + 1 / 6)  # the eighth of twenty is the last good one
    assert found.evidence["correlation"] == pytest.approx(1.0)
    assert "it is worse than 8 good trials were" in found.sentence
    assert ", and it becomes as good as the best 3 of 21 trials with a probability of" in found.sentence
    assert default_judges(STILL[:3]) is None  # too early
    assert default_judges(STILL[:4]) is None  # it is outside, but has only now found its best
    assert default_judges(STILL[:6], good_trials(10)) is None  # with itself 11 are known
    assert default_judges(STILL[:6], good_trials(11)) is not None
    assert default_judges(STILL[:6], good_trials(7), stopping="eager") is not None


def test_the_default_lets_a_trial_go_on_against_which_one_ground_speaks() -> None:
    unlike_any = {**good_trials(), "slow": SLOW}
    assert default_judges(FALLING, unlike_any) is None  # its own trend leads there, and one was as bad and became best
    assert grounds(default_judges([1.2, 1.0, 0.9, *[0.9] * 6], unlike_any)) == ["lost", "extrapolated"]
    noisy = [1.2, 1.0, 0.9, 1.4, 0.9, 1.3, 1.0, 1.4, 0.95]
    assert default_judges(noisy, unlike_any, margin=10) is None
    catching_up = [2.0, 1.6, 0.9, 0.5]
    assert default_judges(catching_up) is None  # 0.5 - (1.6 - 0.5) / 2 is below what they had at 8


def crossing(count: int = 20) -> dict[str, list[float]]:
    """Trials of which those that fall fastest at first end worst, as with learning rates that are too large."""
    return {
        f"t{place}": [1 - (0.4 + 0.02 * place) * min(1, step / 9) - max(0, step - 9) * (20 - place) / 400
                      for step in range(20)]
        for place in range(count)
    }  # fmt: skip


def test_the_default_gives_nothing_up_where_the_present_foretells_nothing() -> None:
    assert default_judges(STILL, crossing()) is None
    heedless = default_judges(STILL, crossing(), correlation=-1)
    assert heedless is not None
    assert heedless.evidence["correlation"] < 0


@pytest.mark.parametrize("stopping", ["cautious", "balanced", "eager"])
def test_the_setting_counts_the_grounds(stopping: str) -> None:
    needed = {"cautious": 3, "balanced": 2, "eager": 2}[stopping]
    assert len(grounds(default_judges(STILL, stopping=stopping))) == needed


def test_the_settings_differ() -> None:
    unlike_any = {**good_trials(), "slow": SLOW}
    still = [1.2, 1.0, 0.9, *[0.9] * 6]
    assert default_judges(still, unlike_any, stopping="cautious") is None  # one that was worse became the best
    assert default_judges(still, unlike_any, stopping="balanced") is not None
    young = [1.2, 0.9, 0.75, 0.66, 0.6]  # too few reports for an extrapolation
    assert default_judges(young, stopping="balanced") is None
    assert grounds(default_judges(young, stopping="eager")) == ["outside", "beyond"]


def test_the_cautious_setting_waits_until_the_grid_has_proven_itself() -> None:
    young = history_of({f"t{place}": power_law(0.1 + 0.01 * place, reports=20) for place in range(4)})
    for place in range(4, 16):
        young.start(f"t{place}", 20)
        for resource, value in enumerate(power_law(0.1 + 0.01 * place, reports=12), 1):
            young.report(f"t{place}", resource, value)
    young.start("x", 20)
    for resource, value in enumerate(STILL, 1):
        young.report("x", resource, value)
    assert judged("GridDefault", young, stopping="cautious") is None  # four went on to where it can be compared
    found = judged("GridDefault", young)
    assert found is not None
    assert "correlation" not in found.evidence


def test_the_default_stops_a_good_trial_that_is_past_its_best() -> None:
    past = [0.3, 0.11, 0.15, 0.2, 0.25, 0.3]
    assert default_judges(past) is None  # with such changes it may come back
    found = default_judges([0.3, 0.11, 0.1105, 0.111, 0.1107, 0.1109, 0.111])
    assert found is not None
    assert found.evidence["reason"] == "done"
    assert default_judges([0.3, 0.2, 0.16, 0.13, 0.12, 0.11]) is None


def test_the_evidence_of_a_verdict_is_plain_json_of_bounded_size() -> None:
    many = {f"t{place}": [2.0, 1.0 + place / 1000] for place in range(1000)}
    found = judged("MedianStopping", history_of(many, {"x": [9.0, 9.0]}))
    assert found is not None
    assert found.evidence["compared"] == 1000
    assert len(found.evidence["values"]) == 256
    assert found.evidence["values"][0] == 1.5
    json.dumps(found.evidence, allow_nan=False)
