"""What is printed, for people and for machines."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.panel import Panel

import gridwatch.cli
from gridwatch.cli.output import _Console, cell, console, print_json, print_rows, print_table

LONG = "gridwatch-blobs-0123456789-1" * 10


def test_json_is_one_document_of_the_asked_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"job": "a", "value": math.nan, "at": datetime(2026, 3, 1, tzinfo=UTC), "more": 1}]
    print_rows(("job", "value", "at"), rows, as_json=True, empty="none")
    assert json.loads(capsys.readouterr().out) == [{"job": "a", "value": "nan", "at": "2026-03-01T00:00:00+00:00"}]


def test_no_rows_are_an_empty_list_to_a_machine_and_a_word_to_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("job",), [], as_json=True, empty="none")
    print_rows(("job",), [], as_json=False, empty="none")
    printed = capsys.readouterr()
    assert (json.loads(printed.out), printed.err) == ([], "none\n")


def test_a_table_in_a_pipe_cuts_nothing_and_takes_no_text_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"job": LONG, "why": "[red]not markup[/red]", "value": 0.123456789, "complete": True, "left": None}]
    print_rows(("job", "why", "value", "complete", "left"), rows, as_json=False, empty="")
    printed = capsys.readouterr().out
    assert LONG in printed
    assert "[red]not markup[/red]" in printed
    assert "0.123457" in printed
    assert "yes" in printed


def test_no_text_is_taken_for_an_emoji_or_markup(capsys: pytest.CaptureFixture[str]) -> None:
    text = "my.py:fire: [bold]:M:[/bold]"
    console().print(text)
    console(stderr=True).print(f"{text}", style="bold")
    console().print(Panel(text))
    print_rows((":fire:",), [{":fire:": text}], as_json=False, empty=":fire:")
    print_rows((":fire:",), [], as_json=False, empty=":fire:")
    printed = capsys.readouterr()
    assert printed.out.count(text) == 3
    assert printed.err.splitlines() == [text, ":fire:"]
    assert printed.out.count(":fire:") == 4


def test_everything_that_is_printed_goes_through_this_console() -> None:
    """A console of rich's own takes `:fire:` in a name for an emoji."""
    cli = Path(gridwatch.cli.__file__ or "").parent
    own = [
        file.name
        for file in cli.rglob("*.py")
        if re.search(r"(?<!_)\bConsole\(|rich\.print|from_markup", file.read_text())
    ]
    assert own == []


def test_nested_values_stay_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [math.inf, {"b": (1, "ü")}]})
    assert json.loads(capsys.readouterr().out) == {"a": ["inf", {"b": [1, "ü"]}]}


def test_csv_has_headings_and_plain_values(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"job": 'a "b", c', "at": datetime(2026, 3, 1, tzinfo=UTC), "list": [1, 2], "none": None, "value": 0.1}]
    print_rows(("job", "at", "list", "none", "value"), rows, as_json=False, as_csv=True, empty="none")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        ["job", "at", "list", "none", "value"],
        ['a "b", c', "2026-03-01T00:00:00+00:00", "[1, 2]", "", "0.1"],
    ]


def test_a_narrow_terminal_gets_a_block_for_each_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = Console(width=40, highlight=False)
    monkeypatch.setattr("gridwatch.cli.output.console", lambda: narrow)
    rows = [{"job": LONG[:30], "state": "completed", "reason": None, "value": 0.5}] * 2
    print_rows(("job", "state", "reason", "value"), rows, as_json=False, empty="none")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert [line.split() for line in lines[:3]] == [["job", LONG[:30]], ["state", "completed"], ["value", "0.5"]]
    assert "reason" not in "".join(lines)


EVIL = "\x1b[2J\x1b]8;;https://evil.example\x07here\x9b31m\u202egnp"


def test_what_a_terminal_would_obey_is_shown_as_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("job", "why"), [{"job": "a", "why": EVIL}], as_json=False, empty="")
    console().print(f"  {EVIL}\nsecond line", markup=False)
    printed = capsys.readouterr().out
    assert printed.count("\\x1b[2J\\x1b]8;;https://evil.example\\x07here\\x9b31m\\u202egnp") == 2
    assert not set(EVIL) & {"\x1b", "\x07", "\x9b", "\u202e"} & set(printed)
    assert "\nsecond line" in printed


@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1"])
def test_a_text_is_no_formula_to_whoever_opens_the_csv(formula: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("why", "value"), [{"why": formula, "value": -1.5}], as_json=False, as_csv=True, empty="")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))[1] == [f"'{formula}", "-1.5"]


NAME = "gridwatch-an-experiment-with-quite-a-long-name-0123456789-1"
PROSE = "the data ended in the middle of a row and nobody knows why " * 20


@pytest.mark.parametrize("width", [40, 80, 100, 120, 100_000])
@pytest.mark.parametrize("columns", [2, 5, 9])
def test_no_name_is_broken_and_no_cell_is_endless_however_wide_the_terminal(width: int, columns: int) -> None:
    file = io.StringIO()
    names = [f"column-{place}" for place in range(columns)]
    row = [NAME, PROSE, "s3://bucket/a/long/key/of/an/object.csv", 0.5, None, "completed", True, 3, "x" * 30][:columns]
    print_table(Console(width=width, file=file, highlight=False), names, [row, row])
    printed = file.getvalue()
    for value in row:
        if isinstance(value, str) and " " not in value:
            assert printed.count(value) == 2, value
    said = " ".join(printed.split())
    assert PROSE[:30] in said
    assert len(max(printed.splitlines(), key=len)) <= max(width, 2 * 300)
    assert printed.count("nobody knows why") <= 2 * 300 // len("nobody knows why ")
    if all(len(str(value)) < width - 20 for value in row if value != PROSE):
        assert max(map(len, printed.splitlines())) <= width


@pytest.mark.parametrize("width", [30, 40, 80])
def test_a_name_of_wide_letters_is_not_broken(width: int) -> None:
    name = "名前の長い実験-日本語-0002"  # 18 letters, 29 columns
    written = io.StringIO()
    print_table(Console(file=written, width=width), ("trial", "state"), [[name, "FAILED"], ["short", "COMPLETED"]])
    assert name in written.getvalue()


def test_of_one_long_word_the_beginning_is_shown() -> None:
    written = io.StringIO()
    print_table(Console(file=written, width=80), ("job", "cause"), [["a", "ValueError: " + "x" * 1_100]])
    assert "ValueError: xxxxxxxx" in written.getvalue()
    assert max(map(len, written.getvalue().splitlines())) < 400


def test_a_time_says_its_zone_for_people_and_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"at": datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))},
        {"at": datetime(2026, 3, 1, 10)},  # noqa: DTZ001  as the analytic tables have it
    ]
    print_rows(("at",), rows, as_json=False, empty="")
    assert capsys.readouterr().out.count("2026-03-01 10:00:00 UTC") == 2
    print_rows(("at",), rows, as_json=False, as_csv=True, empty="")
    assert capsys.readouterr().out.count("2026-03-01T10:00:00+00:00") == 2


def printed(width: int, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    out = _Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)
    print_table(out, columns, rows)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_no_word_is_cut_in_any_table_at_any_width() -> None:
    """Rich folds two columns of one width alike, also the one that cannot be folded, and cuts the line."""
    said = "AlgorithmError: ModuleNotFoundError: No module named 'lightgbm'; x"
    cells = [
        "gridwatch-blobs-debugger-0a1b2c3d4e-12", said, "ml.p4de.24xlarge", ":fire:", "实验一二三", 1.23456789e-9, None,
        {"a": 1, "b": [1, 2]}, "a b " * 40, 123456789.123, "",
    ]  # fmt: skip
    chance = random.Random(5)
    for width in (80, 100, 120):
        for _ in range(150):
            names = [f"column{place}" for place in range(chance.randint(1, 8))]
            rows = [[chance.choice(cells) for _ in names] for _ in range(chance.randint(1, 4))]
            text = printed(width, names, rows)
            words = {word for row in rows for value in row for word in cell(value).split()}
            assert [word for word in words if word not in text] == [], (width, rows)
            assert max(map(cell_len, text.splitlines())) <= width, (width, rows)
