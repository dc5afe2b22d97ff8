"""What the losses of a short training mean, whoever measured them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.short_run import Measured, expected_loss, judge, judge_rounds

HALVES = [0.0, 1.0] * 500
SOUND = Measured(
    rows=1000,
    before=math.log(2),
    after=0.6,
    finite=True,
    rounds=50,
    eta=0.3,
    batch_rows=32,
    batch_before=math.log(2),
    batch_after=0.01,
    held_out_rows=200,
    held_out_before=math.log(2),
    held_out_best=0.3,
)


def told(measured: Measured, labels: list[float] = HALVES, objective: str = "binary:logistic") -> list[Notice]:
    return list(judge(measured, labels, objective))


def test_a_sound_training_says_nothing() -> None:
    assert told(SOUND) == []


def test_the_expected_loss_lies_between_the_base_rate_and_equal_classes() -> None:
    least, most = expected_loss([0.0] * 90 + [1.0] * 10, "binary:logistic")
    assert least == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))
    assert most == pytest.approx(math.log(2))
    assert expected_loss([0.0, 1.0, 2.0], "multi:softprob") == pytest.approx((math.log(3), math.log(3)))
    assert expected_loss([1.0, 3.0], "reg:squarederror") == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"before": 2.0}, "short-run-initial-loss"),
        ({"before": 0.1}, "short-run-initial-loss"),
        ({"after": 0.8}, "short-run-initial-loss"),
        ({"batch_after": 0.5}, "short-run-overfits"),
        ({"held_out_best": 0.69}, "short-run-learns"),
        ({"finite": False}, "short-run-gradients"),
        ({"after": None}, "short-run-gradients"),
    ],
)
def test_each_planted_fault_is_told_by_its_check(change: dict[str, float], check: str) -> None:
    assert check in {notice.check for notice in told(replace(SOUND, **change))}  # type: ignore[arg-type]


def test_what_is_not_finite_is_told_alone() -> None:
    assert [notice.check for notice in told(replace(SOUND, finite=False, before=9.0, batch_after=0.6))] == [
        "short-run-gradients"
    ]


def test_few_rows_held_out_say_nothing() -> None:
    assert told(replace(SOUND, held_out_rows=99, held_out_best=0.69)) == []


def test_a_batch_that_is_not_learned_says_why_nothing_holds_for_other_rows() -> None:
    assert [notice.check for notice in told(replace(SOUND, batch_after=0.6, held_out_best=0.69))] == [
        "short-run-overfits"
    ]


def test_the_first_rounds_are_judged_by_the_metrics_of_the_spec() -> None:
    points = [{"eta": 0.1, "seed": 1}, {"eta": 0.2, "seed": 1}, {"eta": 0.3, "seed": 1}]
    rounds = [
        {"values": {"train-auc": None, "validation-auc": None, "train-logloss": 0.6}},
        {"error": "label must be positive"},
        {"error": "label must be positive"},
    ]
    found = list(judge_rounds(rounds, points, "validation-auc", 100))
    assert [(notice.level, notice.message) for notice in found] == [
        (Level.WARN, "the first round's train-auc is no number (a trial with eta 0.1)"),
        (None, "the first round's validation-auc is no number (a trial with eta 0.1)"),
        (None, "the training of 100 rows failed (a trial with eta 0.2): label must be positive"),
    ]
    assert list(judge_rounds([{"values": {"train-auc": 0.5}}], points[:1], "train-auc", 100)) == []
