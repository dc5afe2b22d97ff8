"""The two rules that look for what is not finite."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import find


@pytest.mark.parametrize(("bad", "only_nan", "fires"), [
    (np.nan, False, True), (np.nan, True, True), (np.inf, False, True), (-np.inf, False, True), (np.inf, True, False),
    (1.0, False, False),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(1,), (), (3, 4)])
def test_exploding_tensor(shape: tuple[int, ...], bad: float, only_nan: bool, fires: bool) -> None:
    folder = TensorFolder()
    for step in range(3):
        value = np.ones(shape, dtype="f4")
        if step == 2:
            value.reshape(-1)[-1] = bad
        folder.save(step, {"weight": value, "text": np.array(["a"]), "count": np.array([1])})
    found = find(folder, "ExplodingTensor", only_nan=only_nan)
    assert (found is not None) is fires
    if found:
        assert (found.step, found.tensor, found.observed) == (2, "weight", 1)


def test_exploding_tensor_looks_where_it_is_told_and_at_every_worker() -> None:
    folder = TensorFolder({"gradients": ["^gradient"]}, workers=2)
    for worker, value in (("worker_0", 1.0), ("worker_1", np.inf)):
        folder.save(0, {"gradient/a": np.array([value]), "weight": np.array([np.nan])}, worker=worker)
    found = find(folder, "ExplodingTensor", collection_names="gradients")
    assert found is not None
    assert found.sentence == "1 of 1 values of gradient/a (worker_1) are not finite"
    assert find(folder, "ExplodingTensor", tensor_regex="bias") is None
    union = find(folder, "ExplodingTensor", collection_names="biases", tensor_regex="weight")
    assert union is not None
    assert union.tensor == "weight"


def test_exploding_tensor_judges_reductions_that_cannot_overflow() -> None:
    folder = TensorFolder()
    folder.save(0, {}, reductions={"weight": {"sum": np.inf, "max": 3.0}})
    folder.save(1, {}, reductions={"weight": {"sum": 1.0, "abs_max": np.inf}})
    found = find(folder, "ExplodingTensor")
    assert found is not None
    assert (found.step, found.sentence) == (1, "the absolute max of weight is inf")


def test_metric_non_finite_waits_for_its_patience() -> None:
    folder = TensorFolder({"metrics": ["-"]})
    for step, value in enumerate([1, np.nan, 1, np.nan, np.inf, 1]):
        folder.save(step, {"train-loss": [value], "vector": np.array([np.nan, 1])})
    once = find(folder, "MetricNonFinite")
    assert once is not None
    assert (once.step, once.sentence) == (1, "train-loss is nan")
    twice = find(folder, "MetricNonFinite", patience=2)
    assert twice is not None
    assert (twice.step, twice.sentence) == (4, "train-loss is inf for 2 saved steps")
    assert find(folder, "MetricNonFinite", patience=3) is None
