"""Rows to Parquet, by DuckDB: one file per table and experiment, typed by the schema and never by the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwatch.tables.rows import Row
from gridwatch.tables.schemas import ColumnType, Table

if TYPE_CHECKING:
    import duckdb

# Rows handed to DuckDB at once: as lists by column, since it binds a list a hundred times faster than as many rows.
_CHUNK = 20_000


def write_parquet(table: Table, rows: Iterable[Row], path: Path) -> int:
    """Write `rows` to `path`, zstd compressed, in the order given; returns how many there were, which may be none.

    Memory stays flat however many rows come: beyond a limit DuckDB spills beside `path`. Raises ValueError when a row
    has other columns than the table, and duckdb.Error when a value does not fit its column.
    """
    import duckdb  # noqa: PLC0415  65 MB, which only a snapshot needs

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 2,
        "memory_limit": "256MB",
        "temp_directory": str(path.parent),
    }
    with duckdb.connect(config=settings) as connection:
        columns = ", ".join(f'"{column.name}" {column.type.duckdb}' for column in table.columns)
        connection.execute(f"CREATE TABLE rows ({columns})")
        count = _insert(connection, table, rows)
        connection.execute(f"COPY rows TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
    return count


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, rows: Iterable[Row]) -> int:
    lists = ", ".join(f"unnest(?::{column.type.duckdb}[])" for column in table.columns)
    statement = f"INSERT INTO rows SELECT {lists}"
    count = 0
    remaining = iter(rows)
    while chunk := list(islice(remaining, _CHUNK)):
        connection.execute(statement, _by_column(table, chunk))
        count += len(chunk)
    return count


def _by_column(table: Table, chunk: Sequence[Row]) -> list[list[Any]]:
    wanted = frozenset(table.column_names)
    for row in chunk:
        if row.keys() != wanted:
            odd = ", ".join(sorted(row.keys() ^ wanted))
            raise ValueError(f"a row of {table.name} has other columns than its schema: {odd}")
    return [
        [_utc(row[column.name]) for row in chunk]
        if column.type is ColumnType.TIMESTAMP
        else [row[column.name] for row in chunk]
        for column in table.columns
    ]


def _utc(moment: datetime | None) -> datetime | None:
    # Parquet's plain timestamp has no zone, and Athena reads it as it lies.
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
