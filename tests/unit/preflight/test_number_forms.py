"""Numbers that no training reads are called what they are, and not a header."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridwatch.preflight.number_forms import form_of, form_of_row
from tests.unit.preflight.planting import clean, notices, text


def quoted(rows: list[list[float]], quote: str = '"') -> str:
    return "".join(",".join(f"{quote}{value}{quote}" for value in row) + "\n" for row in rows)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_numbers_in_quotes_are_no_header(tmp_path: Path, quote: str) -> None:
    found = notices(tmp_path, {"train": quoted(clean(60), quote)})
    assert {notice.check for notice in found} == {"format"}
    assert found[0].message.startswith("numbers are in quotes: ")
    assert "QUOTE_MINIMAL" in (found[0].advice or "")
    assert found[-1].message.startswith("and 57 more rows")


def test_one_column_in_quotes_is_enough(tmp_path: Path) -> None:
    rows = "".join(f'{row[0]},"{row[1]}",{row[2]}\n' for row in clean(60))
    found = notices(tmp_path, {"train": rows})
    assert [notice.check for notice in found] == ["format"] * 4
    assert (found[0].row, found[0].column) == (1, 2)


def test_a_header_in_quotes_is_still_one(tmp_path: Path) -> None:
    found = notices(tmp_path, {"train": '"label","a","b","c","d","e"\n' + text(clean(60))})
    assert [notice.check for notice in found] == ["header"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("1;0,5;2,25\n0;1,5;3,75\n" * 20, "numbers are written with a decimal comma"),
        ("1\t0,5\t2,25\n0\t1,5\t3,75\n" * 20, "numbers are written with a decimal comma"),
        ('1,"1,234.5",2\n0,"2,345.5",3\n' * 20, "numbers are in quotes"),
        ("1;1'234.5;2\n0;2'345.5;3\n" * 20, "numbers are written with separators of thousands"),
        ("1,1_000,2\n0,2_000,3\n" * 20, "numbers are written with separators of thousands"),
        ("1,$5.25,2\n0,$6.25,3\n" * 20, "numbers are written with a unit"),
        ("1,5%,2\n0,6%,3\n" * 20, "numbers are written with a unit"),
        ('1,"$1,234.5",2\n0,"$2,345.5",3\n' * 20, "numbers are in quotes"),
        ("1,NA,2\n0,NA,3\n" * 20, "missing values are written as words"),
        ("1,2,3\r0,3,4\r" * 20, "lines end in a carriage return alone"),
    ],
)
def test_other_ways_of_writing_are_called_what_they_are(tmp_path: Path, content: str, what: str) -> None:
    found = notices(tmp_path, {"train": content.encode()})
    assert found[0].message.startswith(what), [notice.as_text() for notice in found]
    assert (found[0].check, found[0].row) == ("format", 1)
    assert not any(notice.check == "header" for notice in found)


@pytest.mark.parametrize("cell", ["2024-01-05", "0x1F", "3.25D+00", "1.#QNAN", "12:30:05", "5 min", "'7a'"])
def test_values_that_are_no_numbers_are_no_header(tmp_path: Path, cell: str) -> None:
    found = notices(tmp_path, {"train": f"1,{cell},{cell}\n" * 40})
    assert {notice.check for notice in found} == {"format"}
    assert (found[0].row, found[0].column) == (1, 2)


@pytest.mark.parametrize("names", ["y,2019,2020,1st_floor", "label,1,2,3", "0_a,1_b,2_c,3_d"])
def test_a_header_may_have_numbers_in_it(tmp_path: Path, names: str) -> None:
    assert "header" in {each.check for each in notices(tmp_path, {"train": f"{names}\n" + text(clean(60, 3))})}


def test_a_byte_order_mark_is_told(tmp_path: Path) -> None:
    (notice,) = notices(tmp_path, {"train": "\ufeff" + text(clean(60))})
    assert (notice.check, notice.message) == ("format", "begins with a byte order mark, not csv")


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    assert notices(tmp_path, {"train": text(clean(60)).replace("\n", "\r\n").encode()}) == ()


def test_rows_that_all_end_with_a_delimiter(tmp_path: Path) -> None:
    found = notices(tmp_path, {"train": text(clean(60)).replace("\n", ",\n")})
    assert "every row ends with ',', which makes an empty last column" in [notice.message for notice in found]


def test_a_row_that_ends_with_a_delimiter_among_others(tmp_path: Path) -> None:
    content = text(clean(60)).replace("\n", ",\n", 31).replace(",\n", "\n", 30)
    (notice,) = notices(tmp_path, {"train": content})
    assert (notice.check, notice.row) == ("ragged", 31)
    assert "the last of which is empty: it ends with a delimiter" in notice.message


@pytest.mark.parametrize("cell", ["1", "-1.5", "+.5", "1e-5", "1.", "", " 2 ", "nan", "inf", "red", "2026-11-29"])
def test_numbers_and_other_text_have_no_form(cell: str) -> None:
    assert form_of(cell) is None
    assert form_of_row(f"1,{cell}", ["1", cell]) is None
