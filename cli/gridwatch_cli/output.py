"""Tables for people, JSON for machines. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gridwatch.visible import visible, visible_json

# A pipe or a file has no width: rows must not be cut for a reader that is a program.
_ENDLESS = 100_000
# A text that begins so is a formula to a spreadsheet, which runs it; with a ' before it, it is a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_READABLE = 20  # characters to which a column may be folded


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return _Console(file=stream, width=None if stream.isatty() else _ENDLESS, highlight=False, soft_wrap=False)


class _Console(Console):
    """Names and reasons come from users: what a terminal would obey in them is shown as its code."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible_lines(text), **options)


def visible_lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))


def print_json(document: object) -> None:
    """Plain JSON, one document. JSON knows no NaN and no infinity: they are told as strings."""
    print(visible_json(json.dumps(_plain(document), indent=2, ensure_ascii=False)))


def print_rows(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str, as_csv: bool = False
) -> None:
    """Rows as a table, as a JSON list of objects or as CSV; `empty` is said instead of a table without rows.

    A terminal that is too narrow for the table gets a block for each row.
    """
    if as_json:
        print_json([{column: row.get(column) for column in columns} for row in rows])
    elif as_csv:
        print_csv(columns, rows)
    elif not rows:
        console(stderr=True).print(empty)
    else:
        lines = [[row.get(column) for column in columns] for row in rows]
        out = console()
        if _has_room(out, columns, lines):
            out.print(table(columns, lines))
        else:
            print_blocks(out, columns, lines)


def _has_room(out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    """Whether no column must be narrower than what is in it, or than can be read well when it is folded."""
    widest = [max(map(len, [column, *(cell(row[place]) for row in rows)])) for place, column in enumerate(columns)]
    return sum(min(width, _READABLE) + 3 for width in widest) <= out.width


def print_blocks(out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A block for each row, a line for each value that is there."""
    for place, row in enumerate(rows):
        out.print(*([""] if place else []), end="")
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        for column, value in zip(columns, row, strict=True):
            if value is not None:
                grid.add_row(Text(column), Text(cell(value)))
        out.print(grid)


def print_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """RFC 4180 with a line of headings; numbers as they are, times in ISO 8601, what is nested as JSON, and what a
    spreadsheet would take for a formula after a quotation mark.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv(row.get(column)) for column in columns])


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table that shows values as they are: text is never taken for markup, missing values stay empty."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell(value)) for value in row))
    return made


def cell(value: object) -> str:
    """One value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return visible(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value))


def _csv(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return json.dumps(_plain(value), ensure_ascii=False) if isinstance(value, Mapping | list | tuple) else value


def _plain(value: object) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
