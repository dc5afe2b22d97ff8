"""The page about tensors: its figures against numpy's, and what it says without a browser."""

from __future__ import annotations

import numpy as np
import pytest

from gridwatch.reports.tensor_report import create_tensor_report, render
from gridwatch.reports.tensor_summary import BINS, MOST_STEPS, TensorSummary, summarize
from gridwatch_rules.tensors.reader import TensorReader
from tests.tensor_folder import TensorFolder
from tests.unit.reports.markup import Markup
from tests.unit.reports.networks import boosting, network


def folder_of(*values: object) -> TensorFolder:
    folder = TensorFolder({"weights": ["w"]})
    for step, value in enumerate(values):
        folder.save(step, {"w": value, "scalar": [1.0]})
    folder.end()
    return folder


def test_figures_are_those_of_numpy() -> None:
    value = np.array([[0.0, 1.0, -2.0], [3.0, 0.0, 5.0]])
    (found,) = summarize(TensorReader(folder_of(value).source())).tensors
    assert (found.name, found.collection, found.shape) == ("w", "weights", (2, 3))
    figures = {name: values[0] for name, values in found.figures.items()}
    assert figures == pytest.approx(
        {
            "mean": value.mean(), "std": value.std(), "abs_mean": np.abs(value).mean(), "min": -2, "max": 5,
            "zeros": 2 / 6, "not_finite": 0,
        }
    )  # fmt: skip


def test_histograms_share_their_bins_over_steps_and_lose_nothing() -> None:
    first, second = np.linspace(0, 1, 100), np.linspace(0, 4, 50)
    (found,) = summarize(TensorReader(folder_of(first, second).source())).tensors
    assert (found.low, found.high) == (0, 4)
    assert [sum(counts) for counts in found.histograms] == [100, 50]
    wanted = np.histogram(second, bins=BINS, range=(0, 4))[0]
    assert np.abs(np.array(found.histograms[1]) - wanted).max() <= 1, "but for values on an edge"


@pytest.mark.parametrize("value", [[np.nan, 1.0, np.inf, 3.0], [np.nan, np.nan], [1e308, -1e308, 0.0], [7, 7, 7]])
def test_what_is_odd_is_counted_and_breaks_nothing(value: list[float]) -> None:
    reader = TensorReader(folder_of(np.array(value)).source())
    (found,) = summarize(reader).tensors
    finite = np.isfinite(value)
    assert found.figures["not_finite"][0] == pytest.approx(1 - finite.mean())
    assert sum(found.histograms[0]) == finite.sum()
    assert "NaN" not in create_tensor_report(reader, "odd").partition('id="data"')[2].partition("</script>")[0]


def test_of_many_steps_some_are_shown_with_both_ends() -> None:
    (found,) = summarize(TensorReader(folder_of(*([np.arange(4.0)] * 200)).source())).tensors
    assert len(found.steps) == MOST_STEPS
    assert (found.steps[0], found.steps[-1]) == (0, 199)


def test_tensors_stand_in_the_networks_order() -> None:
    summary = summarize(TensorReader(network(layers=3).source()))
    weights = [each.name for each in summary.tensors if each.collection == "weights"]
    assert weights == ["layer0.weight", "layer1.weight", "layer2.weight"]
    assert {each.collection for each in summary.tensors} == {"weights", "gradients", "relu_activation"}


def test_feature_importance_by_round() -> None:
    reader = TensorReader(boosting().source())
    summary = summarize(reader)
    assert summary.importances["gain"]["f1"] == (list(range(10)), pytest.approx([n / 10 for n in range(10)]))
    text = Markup(create_tensor_report(reader, "boosting")).text
    assert "saved no tensors of more than one element" in text
    assert "gain, last round" in text


def test_nothing_saved_is_said() -> None:
    assert "saved no tensors" in Markup(render(TensorSummary(), "nothing")).text
