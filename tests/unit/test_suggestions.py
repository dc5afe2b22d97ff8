"""What is proposed in place of a name that there is not: what was meant, or nothing."""

from __future__ import annotations

import pytest

from gridwatch_rules.suggestions import closest, slips


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("", "abc", 3), ("abc", "abc", 0), ("trian", "train", 1), ("eta", "etta", 1), ("kitten", "sitting", 3)],
)
def test_slips_are_letters_and_swaps(one: str, other: str, count: int) -> None:
    assert slips(one, other) == slips(other, one) == count


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("rmsee", ["rmsle", "rmse"], "rmse"),
        ("rmes", ["rmse", "mae"], "rmse"),
        ("AUC", ["auc", "aucpr"], "auc"),
        ("validation:error", ["train-error", "validation-error"], "validation-error"),
        ("max_d", ["max_depth", "max_delta_step"], None),
        ("max_dep", ["max_depth", "max_delta_step"], "max_depth"),
        ("mae", ["rmse", "map"], "map"),
        ("x", ["y"], None),
        ("", ["a", "ab"], None),
        ("train-auc", ["validation-auc"], None),
        ("gamma", ["lambda"], None),
        ("a" * 200, ["a" * 199], None),
    ],
)
def test_only_what_a_slip_explains_is_proposed(name: str, known: list[str], meant: str | None) -> None:
    assert closest(name, known) == meant
