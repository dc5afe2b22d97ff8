"""Prints results on standard output, as a table for people or as JSON for machines."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch_rules.visible import visible, visible_json


def say(text: str) -> None:
    """Print a line for people. Characters that a terminal would obey are shown as their codes."""
    sys.stdout.write(f"{visible(text)}\n")


def print_json(document: object) -> None:
    """Print one document. NaN and infinity, which JSON lacks, become strings."""
    sys.stdout.write(visible_json(json.dumps(_plain(document), indent=2, ensure_ascii=False)) + "\n")


def print_rows(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print rows as a table, or as a JSON list of objects. `empty` is printed instead of a table without rows."""
    if as_json:
        print_json([{column: row.get(column) for column in columns} for row in rows])
        return
    if not rows:
        say(empty)
        return
    texts = [list(columns), *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(row[place]) for row in texts) for place in range(len(columns))]
    for row in texts:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
