"""Rows to Parquet, by DuckDB: one file per table and experiment, typed by the schema and never by the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwatch.tables.facts import Stamp
from gridwatch.tables.rows import Row
from gridwatch.tables.schemas import ColumnType, Table

if TYPE_CHECKING:
    import duckdb

# Rows handed to DuckDB at once: as lists by column, since it binds a list a hundred times faster than as many rows.
_CHUNK = 20_000


class DamagedTableError(Exception):
    """A Parquet file that cannot be read to its end; the message names it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the table {path.name} is damaged: {reason}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Carried:
    """Rows of an earlier file of the same table, by their jobs, that are rows of a new snapshot too."""

    path: Path
    job_names: Sequence[str]
    stamp: Stamp


def write_parquet(
    table: Table,
    rows: Iterable[Row],
    path: Path,
    carried: Carried | None = None,
    finish: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> int:
    """Write `rows` to `path`, zstd compressed, in the order given and behind what is `carried`; returns how many rows
    there were, which may be none. `finish` may change the table `rows` before it is stored.

    Memory stays flat however many rows come: beyond a limit DuckDB spills beside `path`. Raises ValueError when a row
    has other columns than the table, duckdb.Error when a value does not fit its column, and DamagedTableError when what
    is carried cannot be read.
    """
    with open_table(table, path) as connection:
        if carried is not None:
            carry(connection, table, carried)
        _insert(connection, table, rows)
        if finish is not None:
            finish(connection)
        return store_table(connection, path)


@contextmanager
def open_table(table: Table, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with an empty table `rows` of these columns, which spills beside `path`."""
    import duckdb  # noqa: PLC0415  65 MB, which only a snapshot needs

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 2,
        "memory_limit": "256MB",
        "temp_directory": str(path.parent),
    }
    with duckdb.connect(config=settings) as connection:
        columns = ", ".join(f'"{column.name}" {column.type.duckdb}' for column in table.columns)
        connection.execute(f"CREATE TABLE rows ({columns})")
        yield connection


def store_table(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Write the connection's `rows` to `path`; returns how many there are."""
    connection.execute(f"COPY rows TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
    counted = connection.execute("SELECT count(*) FROM rows").fetchone()
    return int(counted[0]) if counted else 0


def damage_of(path: Path, table: Table) -> str | None:
    """Why the file cannot be read as one of this table's, of any schema; None when it can. It is read to its end."""
    import duckdb  # noqa: PLC0415  65 MB, which only some commands and the snapshot need

    try:
        with duckdb.connect() as connection:
            described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            found = {str(name): str(kind) for name, kind, *_ in described}
            wrong = [
                f"{column.name} is {found[column.name]}, not {column.type.duckdb}"
                for column in table.columns
                if found.get(column.name, column.type.duckdb) != column.type.duckdb
            ]
            if wrong or not found.keys() & set(table.column_names):
                return "; ".join(wrong) or "it has none of the table's columns"
            connection.execute("SELECT count(COLUMNS(*)) FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error as error:
        return first_line(error)
    return None


def first_line(error: Exception) -> str:
    """DuckDB draws below its message."""
    return (str(error).strip().splitlines() or [""])[0][:300]


def carry(connection: duckdb.DuckDBPyConnection, table: Table, carried: Carried) -> None:
    """Put the carried rows into the connection's `rows`. Raises DamagedTableError when they cannot be read."""
    import duckdb  # noqa: PLC0415  it is there already

    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(carried.path)]).fetchall()
    present = {name for name, *_ in described}
    anew = {column.name: str(column.former) for column in table.columns if column.name not in present}
    anew |= {"snapshot_id": "?", "as_of": "?::TIMESTAMP"}
    columns = ", ".join(anew.get(name, f'"{name}"') for name in table.column_names)
    chosen = "job_name IN (SELECT unnest(?::VARCHAR[]))"
    statement = f"INSERT INTO rows SELECT {columns} FROM read_parquet(?) WHERE {chosen}"  # noqa: S608
    values = [carried.stamp.snapshot_id, _utc(carried.stamp.as_of), str(carried.path), list(carried.job_names)]
    try:
        connection.execute(statement, values)
    except duckdb.Error as error:
        raise DamagedTableError(carried.path, first_line(error)) from error


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, rows: Iterable[Row]) -> None:
    lists = ", ".join(f"unnest(?::{column.type.duckdb}[])" for column in table.columns)
    statement = f"INSERT INTO rows SELECT {lists}"
    remaining = iter(rows)
    while chunk := list(islice(remaining, _CHUNK)):
        connection.execute(statement, _by_column(table, chunk))


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
