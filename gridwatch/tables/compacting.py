"""Merges many files of one table into one, by DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gridwatch.tables.parquet import DamagedTableError, damage_of, open_table, store_table
from gridwatch.tables.schemas import Table


def compact(table: Table, files: Sequence[Path], target: Path, since: datetime) -> int:
    """Write the files' rows of snapshots from `since` on to `target`; returns how many.

    Files of an earlier schema lack columns, which are null then. Raises DamagedTableError for a file that cannot be
    read.
    """
    import duckdb  # noqa: PLC0415  65 MB, which only a snapshot needs

    try:
        return _compact(table, files, target, since)
    except duckdb.Error as error:
        for file in files:
            if (reason := damage_of(file, table)) is not None:
                raise DamagedTableError(file, reason) from error
        raise


def _compact(table: Table, files: Sequence[Path], target: Path, since: datetime) -> int:
    with open_table(table, target) as connection:
        if files:
            connection.execute(
                "INSERT INTO rows BY NAME SELECT * FROM read_parquet(?, union_by_name = true) "
                "WHERE as_of >= ? ORDER BY experiment",
                [[str(file) for file in files], since.astimezone(UTC).replace(tzinfo=None)],
            )
        return store_table(connection, target)
