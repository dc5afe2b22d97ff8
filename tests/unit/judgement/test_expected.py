"""What people are told of the dial before it is switched on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gridwatch_rules.judgement.expected import EXPECTED, Expected, expected_of
from gridwatch_rules.judgement.stopping import Stopping

DOCUMENT = Path(__file__).parents[3] / "docs" / "judgement.md"
COLUMNS = list(Stopping)


def table() -> dict[str, list[str]]:
    """The rows of the document's table, by their first cell."""
    section = DOCUMENT.read_text().partition("## What to expect of the dial")[2].partition("\n## ")[0]
    rows = [[cell.strip(" *") for cell in line.strip("| ").split("|")] for line in section.splitlines() if "|" in line]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("stopping", COLUMNS)
def test_the_document_says_what_people_are_told(stopping: Stopping) -> None:
    place, expected = COLUMNS.index(stopping), EXPECTED[stopping]
    rows = {name: cells[place] for name, cells in table().items()}
    for kind, (saved, killed) in expected.kinds.items():
        assert rows[kind] == f"{saved} / {killed}"
    assert rows["mean of the kinds"] == f"{expected.saved} / {expected.killed}"
    for row, interval in (("saved", expected.saved_interval), ("killed", expected.killed_interval)):
        assert rows[f"its 95 % interval, {row}"] == "{:g} to {:g}".format(*interval)
    assert rows["worst grid, killed"] == f"{expected.worst:g}"


@pytest.mark.parametrize("expected", EXPECTED.values())
def test_the_means_are_those_of_the_kinds(expected: Expected) -> None:
    kinds = list(expected.kinds.values())
    assert expected.saved == pytest.approx(sum(saved for saved, _ in kinds) / len(kinds), abs=0.06)
    assert expected.killed == pytest.approx(sum(killed for _, killed in kinds) / len(kinds), abs=0.06)


def test_figures_are_told_only_of_what_was_measured() -> None:
    balanced = expected_of("GridDefault", {})
    assert balanced is EXPECTED[Stopping.BALANCED]
    assert expected_of("GridDefault", {"stopping": "EAGER", "metric": "loss"}) is EXPECTED[Stopping.EAGER]
    assert expected_of("GridDefault", {"stopping": "eager", "top": 0.3}) is None
    assert expected_of("GridDefault", {"stopping": "bold"}) is None
    assert expected_of("ASHA", {}) is None


def test_the_sentence_has_share_interval_and_worst_case() -> None:
    said = EXPECTED[Stopping.BALANCED].sentence()
    assert re.search(r"on 9 kinds of training that it was not chosen on it saved 64 % of the time \(53 to 74\)", said)
    assert said.endswith("and stopped 2.4 % of the best trials (0 to 5), on the worst grid 39 %")
