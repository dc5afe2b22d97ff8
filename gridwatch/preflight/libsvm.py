"""Reads libsvm as XGBoost's script does: a label, then index:value; features that are not written are missing."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from typing import NamedTuple

from gridwatch.domain.notices import Notice
from gridwatch.preflight.sampling import Budget, Line, OverlongLineError, Sample
from gridwatch.preflight.tables import MISSING, Faults, Keeping, Table

_QID = re.compile(rb"\s*\S+\s+qid:(\S+)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INDEX = re.compile(r"[+-]?\d+", re.ASCII)
_LAST_INDEX = 2**32 - 2  # XGBoost reads indices in 32 bits, and counts one column more
_MAX_QUERIES = 100_000  # that are remembered
_MAX_COLUMNS = 2_000  # more are not laid out as a table: label and form are checked, columns are not


def read_libsvm(sample: Sample, channel: str, budget: Budget) -> tuple[Table, list[Notice]]:
    """The table of features by index, and the faults in the files."""
    table, faults = Table(channel, is_whole=sample.is_whole, is_sparse=True), Faults(channel)
    kept: list[dict[int, float]] = []
    keeping, queries = Keeping(sample, budget), _Queries(table)
    try:
        for line in sample.lines():
            queries.follow(line)
            parsed = _parsed(line, faults)
            table.seen += 1
            if parsed is None:
                continue
            label, values = parsed
            if not keeping.wants(line, len(values) + 1, len(kept)):
                table.is_whole = False
                continue
            table.label.append(label)
            table.rows.append(line.row)
            kept.append(values)
    except OverlongLineError as error:
        return table, [*faults, Notice(check="format", message=str(error), channel=channel, file=error.file.name)]
    _lay_out(table, kept, budget)
    return table, list(faults)


class _Queries:
    """Checks that the rows of each query stand together: XGBoost takes adjacent rows with one qid for a query, and each
    file for queries of its own.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._file, self._last, self._seen = "", b"", set[bytes]()

    def follow(self, line: Line) -> None:
        found = _QID.match(line.text)
        if found is None:
            self._table.queryless += bool(line.text.strip())
            return
        query = found[1]
        if line.file.name != self._file:
            self._file, self._last, self._seen = line.file.name, b"", set()
        if query != self._last:
            if query in self._seen and self._table.query_again is None:
                self._table.query_again = line.row or 0
            if len(self._seen) < _MAX_QUERIES:
                self._seen.add(query)
        self._last = query


def _parsed(line: Line, faults: Faults) -> tuple[float, dict[int, float]] | None:
    words = line.text.decode("latin-1").split("#", 1)[0].split()
    if not words:
        if line.row == 1:
            message = "the first line is a comment, which SageMaker's container for XGBoost takes for another format"
            faults.add("format", "comment", message, line, advice="begin with a row of data")
        return None
    label = words[0].split(":", 1)[0]
    if not _NUMBER.fullmatch(label):
        form = "label index:value index:value …"
        faults.add("format", "label", f"{words[0][:30]!r} is no label", line, 1, allowed=form)
        return None
    values: dict[int, float] = {}
    for place, word in enumerate(words[1:], start=2):
        wrong = _wrong_pair(word, values)
        if wrong is not None:
            faults.add("format", wrong.kind, wrong.message, line, place, advice=wrong.advice)
            return None
        name, _, value = word.partition(":")
        if name != "qid":
            values[int(name)] = float(value)
    return float(label), values


class _Wrong(NamedTuple):
    kind: str
    message: str
    advice: str | None = None


def _wrong_pair(word: str, before: Mapping[int, float]) -> _Wrong | None:
    """What is wrong with an index:value or qid:number, given the pairs of the row before it."""
    name, _, value = word.partition(":")
    if name == "qid":
        right = value.isascii() and value.isdigit()
        return None if right else _Wrong("qid", f"{word[:30]!r} is no whole number from 0", "number the queries")
    if value.strip("+-").lower() in ("nan", "inf", "infinity"):
        advice = "leave the pair out where the value is missing"
        return _Wrong("finite", f"{word[:30]!r} is not finite, which libsvm cannot say", advice)
    if not _INDEX.fullmatch(name) or not _NUMBER.fullmatch(value):
        return _Wrong("pair", f"{word[:30]!r} is no index:value")
    index = int(name[:20])
    if index > _LAST_INDEX:
        return _Wrong("index", f"the index {name[:20]} does not fit 32 bits", "number the columns from 0")
    if index < 0 or index in before:
        what = "is negative" if index < 0 else "is there twice in the row"
        return _Wrong("index", f"the index {index} {what}")
    return None


def _lay_out(table: Table, kept: list[dict[int, float]], budget: Budget) -> None:
    width = max((max(values, default=-1) for values in kept), default=-1) + 1
    table.width = width
    if width > _MAX_COLUMNS or width * len(kept) > budget.cells:
        return
    columns = [array("d", [MISSING]) * len(kept) for _ in range(width)]
    table.empty = [len(kept)] * width
    for place, values in enumerate(kept):
        for index, value in values.items():
            columns[index][place] = value
            table.empty[index] -= 1
    table.columns = columns
