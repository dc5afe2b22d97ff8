"""Tables for people, JSON for machines. Results go to stdout, everything else to stderr."""

from __future__ import annotations

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

# A pipe or a file has no width: rows must not be cut for a reader that is a program.
_ENDLESS = 100_000


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _ENDLESS, highlight=False, soft_wrap=False)


def print_json(document: object) -> None:
    """Plain JSON, one document. JSON knows no NaN and no infinity: they are told as strings."""
    print(json.dumps(_plain(document), indent=2, ensure_ascii=False))


def print_rows(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Rows as a table, or as a JSON list of objects; `empty` is said instead of a table without rows."""
    if as_json:
        print_json([{column: row.get(column) for column in columns} for row in rows])
    elif not rows:
        console(stderr=True).print(empty)
    else:
        console().print(table(columns, [[row.get(column) for column in columns] for row in rows]))


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
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


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
