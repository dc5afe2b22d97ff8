"""LossNotDecreasing on known answers: the documented schedule of checks, both readings, modes, splits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.tensors.modes import Mode
from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import as_told, find, judge


def losses(values: Sequence[float], interval: int = 1, name: str = "loss") -> TensorFolder:
    folder = TensorFolder({"losses": ["loss"], "metrics": ["-"]})
    for position, value in enumerate(values):
        folder.save(position * interval, {name: [value]})
    return folder


def test_checks_are_where_the_documentation_has_them() -> None:
    """Saved every 3 steps, num_steps 10: checked at 12 against 0, at 24 against 12, and nowhere between."""
    falling = [1 / (1 + step) for step in range(12)]
    assert find(losses(falling, 3), "LossNotDecreasing") is None
    falling[8] = falling[4] * 0.9995  # step 24, against step 12
    found = find(losses(falling, 3), "LossNotDecreasing")
    assert found is not None
    assert (found.step, found.tensor, found.threshold) == (24, "loss", 0.1)
    assert found.observed == pytest.approx(0.05)
    falling[8], falling[7] = 1 / 9, 100
    assert find(losses(falling, 3), "LossNotDecreasing") is None


def test_a_reference_between_two_checks_is_the_newest_that_is_far_enough() -> None:
    """Saved at 0, 3, 9 and 21 (num_steps 10): at 21 the newest saved step at or before 11 is 9."""
    folder = TensorFolder({"losses": ["loss"]})
    for step, value in ((0, 9.0), (3, 8.0), (9, 1.0), (21, 1.0)):
        folder.save(step, {"loss": [value]})
    found = find(folder, "LossNotDecreasing")
    assert found is not None
    assert (found.step, found.observed) == (21, 0)
    assert "over 12 steps" in found.sentence


@pytest.mark.parametrize(
    ("new", "tolerated", "strict"),
    [(0.9, None, None), (0.9995, 0.1, 0.1), (1.0, 0.1, 0.1), (1.04, None, 0.1), (1.049, None, 0.1), (1.06, -5.0, 0.1)],
)
def test_both_readings_of_the_two_percentages(new: float, tolerated: float | None, strict: float | None) -> None:
    folder = losses([1.0, new])
    for reading, threshold in (("tolerated", tolerated), ("strict", strict)):
        found = find(folder, "LossNotDecreasing", num_steps=1, increase_reading=reading)
        assert (found.threshold if found else None) == threshold


def test_a_loss_below_zero_and_at_zero() -> None:
    assert find(losses([-1.0, -2.0]), "LossNotDecreasing", num_steps=1) is None
    found = find(losses([-1.0, -0.5]), "LossNotDecreasing", num_steps=1)
    assert found is not None
    assert found.observed == -50
    assert find(losses([0.0, 0.0]), "LossNotDecreasing", num_steps=1) is None
    assert find(losses([0.0, 0.1]), "LossNotDecreasing", num_steps=1) is not None


def test_metrics_that_rise_when_things_get_better_are_not_losses() -> None:
    for name in (
        "train-auc",
        "validation-aucpr",
        "validation-ndcg@10",
        "train-map",
        "train-accuracy",
        "val-f1",
        "val-r2",
    ):
        assert is_score(name)
        assert find(losses([0.5, 0.5], name=name), "LossNotDecreasing", num_steps=1, collection_names="metrics") is None
    for name in (
        "train-error",
        "train-error@0.7",
        "validation-mape",
        "map_loss",
        "cox-nloglik",
        "CrossEntropyLoss_output_0",
    ):
        assert not is_score(name)


def test_evaluation_losses_go_before_training_losses_and_each_mode_counts_its_own_steps() -> None:
    folder = TensorFolder({"losses": ["loss"]})
    step = 0
    for epoch in range(6):
        for batch in range(4):
            folder.save(step, {"loss": [1.0]}, mode=Mode.TRAIN, mode_step=epoch * 4 + batch)
            step += 1
        folder.save(step, {"loss": [0.5**epoch]}, mode=Mode.EVAL, mode_step=epoch)
        step += 1
    assert find(folder, "LossNotDecreasing", num_steps=5) is None
    trained = find(folder, "LossNotDecreasing", num_steps=5, mode="TRAIN")
    assert trained is not None
    assert (trained.step, trained.mode) == (6, Mode.TRAIN)  # the sixth training step is global step 6
    assert find(folder, "LossNotDecreasing", num_steps=5, mode="EVAL") is None


def test_without_the_losses_collection_only_what_is_named_is_inspected() -> None:
    folder = losses([1.0, 1.0])
    assert find(folder, "LossNotDecreasing", num_steps=1, use_losses_collection="False") is None
    assert (
        find(folder, "LossNotDecreasing", num_steps=1, use_losses_collection="False", tensor_regex="^loss$") is not None
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.1, 2), min_size=1, max_size=25),
    st.integers(1, 12),
    st.sets(st.integers(0, 50), max_size=8),
    st.integers(1, 4),
)
def test_any_split_gives_the_same_finding(values: list[float], num_steps: int, splits: set[int], interval: int) -> None:
    folder = losses(values, interval)
    whole = judge(folder, "LossNotDecreasing", num_steps=num_steps)
    assert as_told(judge(folder, "LossNotDecreasing", sorted(splits), num_steps=num_steps)) == as_told(whole)
