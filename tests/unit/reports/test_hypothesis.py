from __future__ import annotations

import pytest

from gridwatch.reports.experiment.hypothesis import judge

RANKED = [{"max_depth": 4, "objective": 0.1}, {"max_depth": 8, "objective": 0.2}]


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("best.max_depth <= 6", True),
        ("best.max_depth > 6", False),
        ("trials.filter(t, t.max_depth > 6).all(t, t.objective > best.objective)", True),
        ("count == 2", True),
    ],
)
def test_an_expression_is_judged_by_the_results(expression: str, holds: bool) -> None:
    verdict = judge(expression, RANKED, complete=True)
    assert verdict.holds is holds
    assert verdict.reason == "by the results of 2 trials"
    assert verdict.word == ("holds" if holds else "does not hold")


def test_while_trials_run_the_verdict_is_so_far() -> None:
    assert "so far" in judge("count == 2", RANKED, complete=False).reason


@pytest.mark.parametrize(
    ("expression", "why"),
    [(None, "a person has to judge"), ("best.eta < 1", "could not be evaluated: "), ("best.max_depth", "neither true")],
)
def test_what_cannot_be_decided_says_why(expression: str | None, why: str) -> None:
    verdict = judge(expression, RANKED, complete=True)
    assert verdict.holds is None
    assert why in verdict.reason
    assert verdict.word == "undecided"


def test_nothing_is_decided_without_results() -> None:
    assert judge("count == 0", [], complete=True).holds is None
