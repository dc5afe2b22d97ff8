"""What the losses of a script's short training mean."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.script_run import Probed, expected_loss, judge

CLASSES = {"kind": "classes", "classes": 10, "counts": [10] * 10}
SOUND = Probed(
    steps=30, first=math.log(10), last=2.0, targets=CLASSES, not_finite=None, batches=30, optimizers=1
)  # fmt: skip
LEARNED = replace(SOUND, steps=200, last=0.1)


def told(looked: Probed = SOUND, batch: Probed | None = LEARNED, **changes: Any) -> list[Notice]:
    return list(judge(replace(looked, **changes), batch))


def test_a_sound_script_says_nothing() -> None:
    assert told() == []


def test_the_expected_loss_is_that_of_a_network_that_knows_nothing() -> None:
    assert expected_loss(CLASSES) == pytest.approx((math.log(10), math.log(10)))
    rare = {"kind": "classes", "classes": 2, "counts": [9, 1]}
    assert expected_loss(rare) == pytest.approx((-0.9 * math.log(0.9) - 0.1 * math.log(0.1), math.log(2)))
    assert expected_loss({"kind": "numbers", "variance": 1.0, "square": 5.0}) == (1.0, 5.0)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"first": 4.0}, "short-run-initial-loss"),
        ({"first": 1.0}, "short-run-initial-loss"),
        ({"not_finite": "the loss of step 2"}, "short-run-gradients"),
    ],
)
def test_what_is_wrong_in_the_first_run(changes: dict[str, Any], check: str) -> None:
    assert [notice.check for notice in told(**changes)] == [check]


@pytest.mark.parametrize(
    ("batch", "check", "level"),
    [
        (replace(LEARNED, last=1.5), "short-run-overfits", None),
        (replace(LEARNED, last=1.5, steps=20), "short-run", Level.NOTE),
        (replace(LEARNED, last=None, not_finite="the loss of step 9"), "short-run-gradients", None),
    ],
)
def test_what_one_batch_says(batch: Probed, check: str, level: Level | None) -> None:
    assert [(notice.check, notice.level) for notice in told(batch=batch)] == [(check, level)]


@pytest.mark.parametrize(
    "changes", [{"targets": None}, {"batches": 0}, {"optimizers": 2}, {"steps": 0}, {"first": None}]
)
def test_what_cannot_be_judged_is_a_note(changes: dict[str, Any]) -> None:
    batch = None if {"batches", "optimizers"} & set(changes) else LEARNED
    assert [notice.level for notice in told(batch=batch, **changes)] == [Level.NOTE]
