"""Reads a channel's sample as columns of numbers, and notes why a row could not be read that way."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.number_forms import form_of_row, readable
from gridwatch.preflight.sampling import BLOCK, Budget, Line, OverlongLineError, Sample
from gridwatch_rules.wording import counted

MISSING = math.nan
_ENOUGH = 20  # rows, before one that counts 0, 1, 2, … is taken for a header
_TOLD = 3  # rows of one kind of fault that are told each; of the others only how many
_DELIMITERS = (",", "\t", ";", "|", " ")
# What no name of a column is: 3:0.5 of libsvm, 0.79€, 2024-01-05, 0x1F; 1stFlrSF and 0_age are names.
_VALUE = re.compile(r"[-+]?\.?\d(?:[^_A-Za-z]|[A-Za-z]{1,3}(?![A-Za-z])|#[A-Z]+)*")
_FOREIGN = (
    (b"\x1f\x8b", "is gzip"), (b"PAR1", "is Parquet"), (b"PK\x03\x04", "is a zip archive (or an Excel file)"),
    (b"BZh", "is bzip2"), (b"\x28\xb5\x2f\xfd", "is zstd"), (b"\xff\xfe", "is UTF-16"), (b"\xfe\xff", "is UTF-16"),
    (b"\xef\xbb\xbf", "begins with a byte order mark"), (b"\x89HDF", "is HDF5"), (b"{", "looks like JSON"),
    (b"version https://git-lfs", "is a pointer of Git LFS"),
    (b"<!DOCTYPE", "is a page of HTML"), (b"<html", "is a page of HTML"), (b"<?xml", "is XML"),
)  # fmt: skip


@dataclass(slots=True)
class Table:
    """The rows that were kept. `columns` are the features, with NaN for missing values. `empty` counts missing cells by
    column, apart from cells that say NaN. `seen` rows were checked for their form, including those that were not kept.
    """

    channel: str
    label: array[float] = field(default_factory=lambda: array("d"))
    columns: list[array[float]] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    rows: list[int | None] = field(default_factory=list)  # where each is in its file
    seen: int = 0
    is_whole: bool = True
    is_sparse: bool = False  # what is missing was not written, and stands for nothing in particular
    weight_columns: int = 0
    weights: array[float] = field(default_factory=lambda: array("d"))  # of the rows that were kept, where they have one
    width: int | None = None  # the features that rows of libsvm have, also where they are not laid out
    queryless: int = 0  # rows of libsvm that belong to no query
    query_again: int | None = None  # the first row of a query that had ended before
    names: tuple[str, ...] = ()  # of all columns, the label's first, where the files have names

    @property
    def count(self) -> int:
        return len(self.label)

    def number(self, feature: int) -> int:
        """The feature's column number in the file, from 1: the label is the first."""
        return feature + 2 + self.weight_columns

    @property
    def has_features(self) -> bool:
        return bool(self.columns) or (self.is_sparse and (self.width != 0 or not self.is_whole))

    def row_values(self, index: int) -> tuple[float, ...]:
        return (self.label[index], *(column[index] for column in self.columns))


class Faults:
    """Faults in rows, reported one by one at first and then counted."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._found: dict[tuple[str, str], list[Notice]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(
        self,
        check: str,
        kind: str,
        message: str,
        line: Line,
        column: int | None = None,
        *,
        allowed: str | None = None,
        advice: str | None = None,
    ) -> None:
        key = (check, kind)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._counts[key] <= _TOLD:
            notice = Notice(
                check=check, message=message, channel=self._channel, file=line.file.name, row=line.row, column=column,
                allowed=allowed, advice=advice,
            )  # fmt: skip
            self._found.setdefault(key, []).append(notice)

    def __iter__(self) -> Iterator[Notice]:
        for key, notices in self._found.items():
            yield from notices
            more = self._counts[key] - len(notices)
            if more:
                yield Notice(check=key[0], message=f"and {more:,} more rows like these", channel=self._channel)


def foreign(sample: Sample, channel: str, kind: str) -> Iterator[Notice]:
    """Files that are not text at all, recognized by their first bytes."""
    for file, start, length in sample.ranges:
        if start:
            continue
        head = sample.source.read(file.key, 0, min(length, BLOCK))
        known = next((what for magic, what in _FOREIGN if head.startswith(magic)), None)
        known = known or ("holds NUL bytes" if b"\0" in head else None)
        if known:
            advice = f"save it as plain {kind} in UTF-8, without a byte order mark and not compressed"
            yield Notice(check="format", message=f"{known}, not {kind}", channel=channel, file=file.name, advice=advice)


def read_csv(sample: Sample, channel: str, budget: Budget, *, weighted: bool) -> tuple[Table, list[Notice]]:
    """Read CSV as XGBoost's script does: numbers, no header, the label first, empty cells missing."""
    table, faults = Table(channel, is_whole=sample.is_whole, weight_columns=int(weighted)), Faults(channel)
    reader = _Csv(table, faults, Keeping(sample, budget))
    try:
        for line in sample.lines():
            reader.take(line)
    except OverlongLineError as error:
        return table, [*faults, Notice(check="format", message=str(error), channel=channel, file=error.file.name)]
    return table, [*faults, *reader.trailing_delimiter()]


class Keeping:
    """Which rows are kept: evenly spread ones, as many as fit the budget, estimated from the first row's length."""

    def __init__(self, sample: Sample, budget: Budget) -> None:
        self._read, self._budget = sample.read, budget
        self._stride = self._room = 0
        self._seen = -1

    def rows(self, line: Line) -> int:
        """About how many rows are read, if all are as long as this one."""
        return math.ceil(self._read / (len(line.text) + 1))

    def wants(self, line: Line, width: int, count: int) -> bool:
        """Whether the next row is kept. `count`: rows kept so far."""
        if not self._stride:
            self._room = max(1, min(self._budget.rows, self._budget.cells // max(1, width)))
            self._stride = math.ceil(self.rows(line) / self._room)
        self._seen += 1
        return self._seen % self._stride == 0 and count < 2 * self._room


class _Csv:
    def __init__(self, table: Table, faults: Faults, keeping: Keeping) -> None:
        self._table, self._faults, self._keeping = table, faults, keeping
        self._delimiter = ""
        self._width = 0
        self._trailing = 0  # rows whose last cell is empty

    def take(self, line: Line) -> None:
        text = line.text.decode("latin-1").strip("\r")
        if not self._width:
            self._delimiter = next((mark for mark in _DELIMITERS if mark in text.strip()), ",")
        cells = text.strip().split(self._delimiter) if self._delimiter == " " else text.split(self._delimiter)
        numbers = _numbers(cells)
        form = form_of_row(text, cells) if isinstance(numbers, int) else None
        other = self._other_delimiter(text) if len(cells) != self._width else None
        if line.row == 1 and form is None and other is None and self._is_header(cells, numbers, line):
            return
        self._table.seen += 1
        self._width = self._width or len(cells)
        self._trailing += not cells[-1].strip() and len(cells) > 1
        if form is not None:
            place = numbers if isinstance(numbers, int) else 0
            message = f"{form.what}: {_shown(cells[place])}"
            self._faults.add("format", form.what, message, line, place + 1, allowed="numbers", advice=form.advice)
        elif other is not None:
            message = f"its values stand between {other!r}, and those of the first row between {self._delimiter!r}"
            self._faults.add("ragged", "delimiter", message, line, advice="save all files with one delimiter")
        elif len(cells) != self._width:
            trailing = ", the last of which is empty: it ends with a delimiter" if not cells[-1].strip() else ""
            message = f"the row has {counted(len(cells), 'column')}{trailing}, the first one {self._width}"
            self._faults.add("ragged", "", message, line, advice=f"each row needs {self._width} values")
        elif isinstance(numbers, int):
            what = "no number" if cells[numbers].isascii() else "neither a number nor ASCII"
            self._faults.add(
                "format", "text", f"{_shown(cells[numbers])} is {what}", line, numbers + 1,
                allowed="numbers; an empty cell is missing", advice="encode categories as numbers",
            )  # fmt: skip
        else:
            self._keep(line, numbers, cells)

    def _other_delimiter(self, text: str) -> str | None:
        """The delimiter with which the row has as many numbers as the first row."""
        others = (mark for mark in _DELIMITERS if mark in text and text.count(mark) == self._width - 1)
        return next((mark for mark in others if not isinstance(_numbers(text.split(mark)), int)), None)

    def trailing_delimiter(self) -> Iterator[Notice]:
        """Whether every row ends with a delimiter, so that readers see one more, empty column."""
        if self._trailing and self._trailing == self._table.seen and self._delimiter != " ":
            message = f"every row ends with {self._delimiter!r}, which makes an empty last column"
            advice = "save it without a delimiter after the last value"
            yield Notice(
                check="format", message=message, channel=self._table.channel, column=self._width, level=Level.WARN,
                advice=advice,
            )  # fmt: skip

    def _is_header(self, cells: list[str], numbers: list[float] | int, line: Line) -> bool:
        advice = "save it without a header, for instance to_csv(header=False, index=False)"
        if isinstance(numbers, int):
            words = [cell.strip() for cell in cells if isinstance(_numbers([cell]), int)]
            names = [word for word in words if not _VALUE.fullmatch(word.strip("\"'$€£¥"))]
            if len(names) * 2 > len([cell for cell in cells if cell.strip()]) or _quoted_or_name(words):
                message = f"the first row is a header: {', '.join(map(_shown, words[:3]))}"
                self._faults.add("header", "", message, line, advice=advice)
                return True  # how many columns there are, and between which delimiter, the row after it says
        elif (
            len(numbers) > 3
            and self._keeping.rows(line) >= _ENOUGH
            and numbers == [float(place) for place in range(len(numbers))]
        ):
            message = "the first row counts 0, 1, 2, …: a header of column numbers"
            self._faults.add("header", "", message, line, advice=advice)
            return True
        return False

    def _keep(self, line: Line, numbers: list[float], cells: list[str]) -> None:
        table, weights = self._table, self._table.weight_columns
        if not table.columns and not table.count:
            table.columns = [array("d") for _ in numbers[1 + weights :]]
            table.empty = [0] * len(table.columns)
        if not self._keeping.wants(line, len(cells), table.count):
            table.is_whole = False
            return
        table.label.append(numbers[0])
        table.weights.extend(numbers[1 : 1 + weights])
        table.rows.append(line.row)
        for column, value in zip(table.columns, numbers[1 + weights :], strict=True):
            column.append(value)
        if any(math.isnan(value) for value in numbers[1 + weights :]):
            for place, cell in enumerate(cells[1 + weights :]):
                table.empty[place] += not cell.strip()


def _numbers(cells: Sequence[str]) -> list[float] | int:
    """The row's numbers, NaN for empty cells; or the place of the first cell that is neither."""
    try:
        return _slowly(cells) if any(map(_odd, cells)) else [float(cell) for cell in cells]
    except ValueError:
        return _slowly(cells)


def _odd(cell: str) -> bool:
    return "_" in cell  # Python reads 1_000 as a number, XGBoost does not


def _slowly(cells: Sequence[str]) -> list[float] | int:
    found = []
    for place, cell in enumerate(cells):
        try:
            found.append(MISSING if not cell.strip() else float(cell) if not _odd(cell) else float("no"))
        except ValueError:
            return place
    return found


def _quoted_or_name(words: Sequence[str]) -> bool:
    """Whether the cells are names rather than values: in a header with a few named columns among numbers."""
    return any(word.strip('"').lower() in ("label", "target", "class", "y", "id", "index") for word in words)


def _shown(cell: str) -> str:
    text = readable(cell.strip())
    return repr(text if len(text) <= 30 else f"{text[:29]}…")
