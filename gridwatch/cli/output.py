"""Prints tables for people and JSON for machines. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from gridwatch_rules.visible import visible, visible_json, visible_text

# A pipe or a file has no width: rows must not be cut for a reader that is a program.
_ENDLESS = 100_000
# A text that begins so is a formula to a spreadsheet, which runs it; with a ' before it, it is a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_READABLE = 20  # characters to which a column of words may be folded; names are never broken
_BETWEEN = 2  # blanks from one column to the next
_LONGEST = 300  # characters of a cell: what is longer is whole in JSON and CSV


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _ENDLESS
    return _Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)


class _Console(Console):
    """A console that prints users' names and reasons literally: no markup, no emoji for `:fire:`, and control
    characters shown as their codes.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible_lines(text), **options)


def visible_lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))


def print_json(document: object) -> None:
    """Print one plain JSON document. NaN and infinity, which JSON lacks, become strings."""
    print(visible_json(json.dumps(_plain(document), indent=2, ensure_ascii=False)))


def print_rows(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str, as_csv: bool = False
) -> None:
    """Print rows as a table, a JSON list of objects or CSV; `empty` is printed instead of a table without rows."""
    if as_json:
        print_json([{column: row.get(column) for column in columns} for row in rows])
    elif as_csv:
        print_csv(columns, rows)
    elif not rows:
        console(stderr=True).print(empty)
    else:
        print_table(console(), columns, [[row.get(column) for column in columns] for row in rows])


def print_table(out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table or, where the terminal is too narrow for one without broken names, a block for each row."""
    if _has_room(out, columns, rows):
        out.print(table(columns, rows, out.width))
    else:
        print_blocks(out, columns, rows)
        out.print()  # as below a table: what follows is no line of the last block


def told(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """The same table without its empty columns."""
    kept = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    return [columns[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _has_room(out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    """Whether the table fits: no name is broken, and no folded column is too narrow to read."""
    return sum(map(_least_width, _texts_by_column(columns, rows))) <= _room(out.width, len(columns))


def _room(width: int, columns: int) -> int:
    """The width left for the cells: beside each are a blank and a divider, with one more divider before the first."""
    return width - _BETWEEN * columns - 1


def _least_width(texts: Sequence[str]) -> int:
    return max(_longest_word(texts), min(_full_width(texts), _READABLE))


def _full_width(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _widths(texts: Sequence[Sequence[str]], room: int) -> list[int]:
    """The columns' widths: each as wide as it needs, the widest folded until all fit; none below its least width."""
    widths, least = list(map(_full_width, texts)), list(map(_least_width, texts))
    while sum(widths) > room:
        foldable = [place for place in range(len(widths)) if widths[place] > least[place]]
        if not foldable:
            break
        widest = max(foldable, key=lambda place: widths[place])
        widths[widest] -= 1
    return widths


def _texts_by_column(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[list[str]]:
    return [[cell(column), *(cell(row[place]) for row in rows)] for place, column in enumerate(columns)]


def _longest_word(texts: Sequence[str]) -> int:
    """The width of the longest word as a terminal shows it, where a Chinese or Japanese character takes two columns."""
    return max((cell_len(word) for text in texts for word in text.split()), default=0)


def print_blocks(out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a block for each row, with a line for each value. A name that is longer than a line is not broken, so that
    it can be copied whole.
    """
    for place, row in enumerate(rows):
        if place:
            out.print()
        shown = {cell(column): cell(value) for column, value in zip(columns, row, strict=True) if value is not None}
        margin = max(map(len, shown), default=0) + _BETWEEN
        for column, text in shown.items():
            label = Text(column.ljust(margin), style="bold")
            if _longest_word([text]) > out.width - margin:
                out.print(label + Text(text), soft_wrap=True)
                continue
            first, *others = Text(text).wrap(out, out.width - margin) or [Text()]
            out.print(label + first, *(Text(" " * margin) + line for line in others), sep="\n")


def print_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print CSV by RFC 4180 with a line of headings: numbers as they are, times in ISO 8601, nested values as JSON,
    anything a spreadsheet would take for a formula after a quotation mark, and characters that reverse text as their
    codes.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([_csv(column) for column in columns])
    for row in rows:
        writer.writerow([_csv(row.get(column)) for column in columns])


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int = _ENDLESS) -> Table:
    """A table that shows values literally: text is never markup, and missing values stay empty.

    The columns' widths are set here: Rich makes columns narrower than their longest words, and then cuts the line.
    """
    texts = _texts_by_column(columns, rows)
    widths = _widths(texts, _room(width, len(columns)))
    made = Table(box=box.SIMPLE_HEAD, padding=(0, _BETWEEN - 1, 0, 0), pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        justify: JustifyMethod = "right" if numeric else "left"
        made.add_column(Text(cell(column)), justify=justify, overflow="fold", width=widths[place])
    for row in rows:
        made.add_row(*(Text(cell(value)) for value in row))
    return made


def cell(value: object) -> str:
    """One value as people read it. Times are in UTC and say so; prose is cut after _LONGEST characters."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return f"{_in_utc(value):%Y-%m-%d %H:%M:%S} UTC"
    text = visible(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value))
    if len(text) <= _LONGEST or " " not in text:
        return text
    beginning = text[: _LONGEST - 1]
    words = beginning.rpartition(" ")[0]
    return f"{words} …" if len(words) > _LONGEST // 2 else f"{beginning}…"  # one long word may be most of it


def _in_utc(value: datetime) -> datetime:
    """The time in UTC; one without a zone is UTC, as in the analytic tables."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _csv(value: object) -> object:
    if isinstance(value, datetime):
        return _in_utc(value).isoformat()
    if isinstance(value, Mapping | list | tuple):
        return visible_json(json.dumps(_plain(value), ensure_ascii=False))
    if not isinstance(value, str):
        return value
    return visible_text(f"'{value}" if value.startswith(_FORMULA) else value)


def _plain(value: object) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return _in_utc(value).isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
