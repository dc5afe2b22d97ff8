"""Scalars written as tensors, read back by the reader; metrics found in lines of a log."""

from __future__ import annotations

import math

import pytest

from gridwatch_rules.tensors.log_metrics import LogLine, MetricFinder
from gridwatch_rules.tensors.metric_definition import LogMetric
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.scalars import ScalarStep, collections_file, scalar_files
from tests.tensor_folder import MemorySource

STEPS = [ScalarStep(step, 1.6e9 + step, {"loss": 1 / (step + 1), "val:acc": math.nan}) for step in range(1200)]


def folder(*parts: list[ScalarStep]) -> MemorySource:
    files = [collections_file({"metrics": ["loss", "val:acc"], "losses": ["loss"]})]
    for part in parts:
        files += scalar_files(part)
    return MemorySource(dict(files))


def test_the_reader_reads_every_value_bit_for_bit() -> None:
    reader = TensorReader(folder(STEPS[:500], STEPS[500:501], STEPS[501:]))
    steps = list(reader.new_steps(Cursor(), ended=True))
    assert [saved.step for saved in steps] == list(range(1200))
    assert [float(reader.value(saved, "loss").item()) for saved in steps] == [each.values["loss"] for each in STEPS]
    assert all(math.isnan(reader.value(saved, "val:acc").item()) for saved in steps)
    assert reader.collections().has("losses", "loss")
    assert not reader.collections().has("losses", "val:acc")


def test_pieces_that_overlap_are_one_folder() -> None:
    """Two calls at once read different lengths of one log from the same position."""
    reader = TensorReader(folder(STEPS[:10], STEPS[:12], STEPS[12:20]))
    steps = list(reader.new_steps(Cursor()))
    assert [saved.step for saved in steps] == list(range(20))
    assert [float(reader.value(saved, "loss").item()) for saved in steps] == [
        each.values["loss"] for each in STEPS[:20]
    ]


def test_lines_with_a_metric_are_steps() -> None:
    finder = MetricFinder(
        [
            LogMetric(name="loss", regex=r"loss=(\S+)"),
            LogMetric(name="acc", regex=r"acc=([0-9.]+)"),
            LogMetric(name="broken", regex=r"(["),
        ]
    )
    lines = [
        LogLine(1.0, "starting"),
        LogLine(2.0, "epoch 1 loss=0.5 acc=0.25"),
        LogLine(3.0, "epoch 2 loss=nan"),
        LogLine(4.0, "loss=abc"),
        LogLine(5.0, "loss=1 loss=2"),
        LogLine(6.0, "." * 5000 + "loss=3" + "." * 5000),
    ]
    first, second, third = finder.steps(lines, 7)
    assert (first.step, first.logged_at, first.values) == (7, 2.0, {"loss": 0.5, "acc": 0.25})
    assert second.step == 8
    assert math.isnan(second.values["loss"])
    assert (third.step, third.values) == (9, {"loss": 2.0})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("loss=3 " + "x" * 9_000, 3.0),
        ("x" * 9_000 + " loss=3", 3.0),
        ("loss=1 " + "x " * 9_000 + "loss=2", 2.0),
        ("loss=1 " + "x " * 9_000 + "loss=abc", 1.0),
        ("x" * 4_085 + " loss=0.12345" + " y" * 5_000, None),  # the beginning ends within the number
        ("x " * 5_000 + "loss=" + "1" * 5 + " y" * 2_046, None),  # the end begins within it
    ],
)
def test_a_long_line_is_searched_at_both_its_ends(text: str, value: float | None) -> None:
    """As a script prints it that writes all it knows into one line of JSON."""
    finder = MetricFinder([LogMetric(name="loss", regex=r"loss=(\d+(?:\.\d+)?)")])
    assert [step.values for step in finder.steps([LogLine(1.0, text)], 0)] == ([{"loss": value}] if value else [])
