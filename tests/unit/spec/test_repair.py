"""A repair follows a rule that stops, and changes one hyperparameter to something XGBoost takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.spec.specs import blobs, only_problem, parsed


def repaired(**repair: Any) -> dict[str, Any]:
    document = blobs()
    document["rules"] = [
        {"rule": "LossNotDecreasing", "name": "diverging", "on_issue": "stop"},
        {"rule": "LossNotDecreasing", "name": "slow"},
    ]
    document["repair"] = {"rules": ["diverging"], "hyperparameter": "eta", "times": 0.1} | repair
    return document


def test_a_sound_repair_is_taken() -> None:
    assert parsed(repaired()).spec.repair is not None
    assert parsed(repaired(hyperparameter="max_delta_step", times=None, becomes=1)).spec.repair is not None


@pytest.mark.parametrize(
    ("repair", "field", "word"),
    [
        ({"rules": ["slow"]}, "repair.rules[0]", "stops jobs"),
        ({"rules": ["divergin"]}, "repair.rules[0]", "did you mean diverging?"),
        ({"times": None}, "repair", "one change"),
        ({"becomes": 0.1}, "repair", "one change"),
        ({"times": 1.0}, "repair", "changes nothing"),
        ({"times": 100.0}, "repair", "does not take"),
        ({"hyperparameter": "etta"}, "repair.hyperparameter", "did you mean eta?"),
        ({"hyperparameter": "max_delta_step"}, "repair.times", "no number"),
    ],
)
def test_what_is_wrong_is_told_where_it_is(repair: dict[str, Any], field: str, word: str) -> None:
    problem = only_problem(repaired(**repair))
    assert problem.field == field
    assert word in problem.as_text("spec")
