"""What is wrong with a file is told for what it is: not as a header, a broken file or a path of the machine."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from gridwatch.domain.notices import Level, Notice, Weights
from gridwatch.preflight.examination import ChannelData, examine
from gridwatch.preflight.sampling import FULL, LocalData
from tests.unit.preflight.planting import BINARY, SMALL, clean, notices, text


def refused(found: tuple[Notice, ...]) -> list[Notice]:
    return [notice for notice in found if notice.level is Level.REFUSE]


def parquet(folder: Path, query: str) -> bytes:
    file = folder / "made.parquet"
    duckdb.sql(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
    return file.read_bytes()


@pytest.mark.parametrize(
    ("sign", "says"),
    [
        ("€", "written with a unit: '0.5€'"),
        ("\u2212", "the minus is no ASCII sign: '\u22120.5'"),
        ("(", "negative numbers are in parentheses: '(0.5)'"),
    ],
)
def test_numbers_in_other_letters_are_shown_as_they_are(sign: str, says: str, tmp_path: Path) -> None:
    cell = {"€": "0.5€", "(": "(0.5)"}.get(sign, f"{sign}0.5")
    rows = [[row[0], cell, cell, *row[1:2]] for row in clean()]
    first = refused(notices(tmp_path, {"train": text(rows)}))[0]
    assert (first.check, first.row, first.column) == ("format", 1, 2)
    assert says in first.message


def test_a_row_of_libsvm_is_no_header(tmp_path: Path) -> None:
    rows = "".join(f"{row[0]} 1:{row[1]} 2:{row[2]}\n" for row in clean())
    assert {notice.check for notice in refused(notices(tmp_path, {"train": rows}))} == {"format"}
    names = "1stFlrSF 2ndFlrSF 3SsnPorch\n"
    told = refused(notices(tmp_path, {"train": names + text(clean(columns=2), " ")}))
    assert [notice.check for notice in told] == ["header"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a pointer of Git LFS"),
        ("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "a page of HTML"),
        ('<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n', "is XML"),
    ],
)
def test_what_came_in_place_of_the_data_is_named(content: str, says: str, tmp_path: Path) -> None:
    (notice,) = refused(notices(tmp_path, {"train": content}))
    assert says in notice.message


@pytest.mark.parametrize("content_type", ["text/csv", "text/libsvm", "parquet"])
def test_labels_without_a_feature_are_refused(content_type: str, tmp_path: Path) -> None:
    labels = text([row[:1] for row in clean()])
    content = parquet(tmp_path, "SELECT i % 2 AS y FROM range(200) t(i)") if content_type == "parquet" else labels
    found = refused(notices(tmp_path, {"train": content}, content_type=content_type))
    assert [notice.check for notice in found] == ["columns"]
    assert "no feature" in found[0].message


def test_very_wide_libsvm_has_features(tmp_path: Path) -> None:
    rows = "".join(f"{row[0]} {place + 3_000}:1\n" for place, row in enumerate(clean()))
    assert not refused(notices(tmp_path, {"train": rows}, content_type="text/libsvm"))


def test_a_column_of_lists_is_no_broken_file(tmp_path: Path) -> None:
    content = parquet(tmp_path, "SELECT i % 2 AS y, [1.0, 2.0] AS pair FROM range(200) t(i)")
    (notice,) = refused(notices(tmp_path, {"train": content}, content_type="parquet"))
    assert "the column 'pair' holds no numbers" in notice.message


def test_a_broken_file_is_told_by_its_own_name(tmp_path: Path) -> None:
    (notice,) = refused(notices(tmp_path, {"train": b"1,2\n"}, content_type="parquet"))
    assert "no Parquet" in notice.message
    assert "'train.csv' too small" in notice.message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1 1:nan 2:0.5", "'1:nan' is not finite"),
        ("1 1:-inf 2:0.5", "'1:-inf' is not finite"),
        ("1 1:1_000 2:0.5", "'1:1_000' is no index:value"),
        ("1 qid:q7 1:0.5", "'qid:q7' is no whole number from 0"),
        ("1 qid:-1 1:0.5", "'qid:-1' is no whole number from 0"),
        ("1 1:0.5 5000000000:0.5", "the index 5000000000 does not fit 32 bits"),
        ("nan 1:0.5", "'nan' is no label"),
    ],
)
def test_what_libsvm_cannot_say_is_refused(line: str, says: str, tmp_path: Path) -> None:
    """XGBoost's parser fails on it, reads it as something else or takes all memory."""
    rows = [f"{row[0]} 1:{row[1]} 2:{row[2]}" for row in clean()]
    content = "\n".join([*rows[:6], line, *rows[6:]])
    (notice,) = refused(notices(tmp_path, {"train": content}, content_type="text/libsvm"))
    assert notice.row == 7
    assert says in notice.message


def test_a_comment_before_the_rows_of_libsvm_is_refused(tmp_path: Path) -> None:
    rows = [f"{row[0]} 1:{row[1]} 2:{row[2]} # of the first month" for row in clean()]
    assert refused(notices(tmp_path, {"train": "\n".join(rows)}, content_type="text/libsvm")) == []
    (notice,) = refused(notices(tmp_path, {"train": "\n".join(["# a table", *rows])}, content_type="text/libsvm"))
    assert "the first line is a comment" in notice.message


def test_a_file_with_another_delimiter_is_no_file_with_a_header(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.csv").write_text(text(clean()))
    (folder / "b.csv").write_text(text(clean(seed=2), ";"))
    channel = ChannelData("train", "text/csv", LocalData(folder))
    found = refused(Weights().report(examine([channel], BINARY, SMALL, FULL).notices).notices)
    assert {notice.check for notice in found} == {"ragged"}
    assert "between ';', and those of the first row between ','" in found[0].message


def test_the_row_after_a_header_says_how_many_columns_there_are(tmp_path: Path) -> None:
    told = refused(notices(tmp_path, {"train": "# made by export of May\n" + text(clean())}))
    assert [notice.check for notice in told] == ["header"]


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """The training puts columns together by their names, and DuckDB would call the second one otherwise."""
    content = parquet(tmp_path, "SELECT i % 2 AS y, i * 0.5 AS f1, sqrt(i) AS f2 FROM range(60) r(i)")
    assert refused(notices(tmp_path, {"train": content}, content_type="application/x-parquet")) == []
    twice = content.replace(b"f2", b"f1")
    (notice,) = refused(notices(tmp_path, {"train": twice}, content_type="application/x-parquet"))
    assert "two of its columns have the name 'f1'" in notice.message


@pytest.mark.parametrize("value", [1e30, 2.0**63, -1e300])
def test_one_large_number_counts_no_rows(value: float, tmp_path: Path) -> None:
    """A row's number is rounded away beside it."""
    rows = [[*row[:2], value] for row in clean(60)]
    assert "label-place" not in {notice.check for notice in notices(tmp_path, {"train": text(rows)})}
    counted = [[*row[:2], 1e9 + place] for place, row in enumerate(clean(60))]
    assert "label-place" in {notice.check for notice in notices(tmp_path, {"train": text(counted)})}
