"""Reads Parquet as XGBoost's script does: columns of numbers, the label first. Needs DuckDB."""

from __future__ import annotations

import json
import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gridwatch.domain.notices import Notice
from gridwatch.preflight.sampling import BLOCK, Budget, Sample
from gridwatch.preflight.tables import MISSING, Table
from gridwatch.storage.data_source import DataFile

if TYPE_CHECKING:
    import duckdb

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT",
            "FLOAT", "DOUBLE", "BOOLEAN")  # fmt: skip
_DECIMAL = re.compile(r"DECIMAL\(\d+,\s*\d+\)")  # DECIMAL(2,1)[] is a list
_CHUNK = 2_048


class MissingLibraryError(Exception):
    """DuckDB is not installed."""


def read_parquet(sample: Sample, channel: str, budget: Budget) -> tuple[Table, list[Notice]]:
    """Evenly spread rows of those files that fit the budget as a whole. Raises MissingLibraryError."""
    try:
        import duckdb  # noqa: PLC0415  65 MB, which only who reads Parquet needs
    except ImportError as error:
        raise MissingLibraryError from error
    table, notices = Table(channel), list[Notice]()
    files = [file for file in sample.files if file.size]
    left = budget.read
    for file in files:
        left -= file.size
        if left < 0:
            table.is_whole = False
            break
        with tempfile.TemporaryDirectory() as folder, duckdb.connect(config=_settings(folder)) as connection:
            path = Path(folder) / "part.parquet"
            _fetch(sample, file, path)
            try:
                notices += _take(connection, path, table, file, _Room(max(1, budget.rows // len(files)), budget.cells))
            except duckdb.Error as error:
                said = str(error).splitlines()[0].replace(str(path), file.name)
                message = f"is no Parquet that can be read: {said[:120]}"
                notices.append(Notice(check="format", message=message, channel=channel, file=file.name))
    return table, notices


@dataclass(frozen=True, slots=True)
class _Room:
    """How much of one file may be kept."""

    rows: int
    cells: int

    def rows_of(self, width: int) -> int:
        return max(1, min(self.rows, self.cells // max(1, width)))


def _settings(folder: str) -> dict[str, str | bool | int | float | list[str]]:
    return {"threads": 1, "memory_limit": "128MB", "temp_directory": folder}


def _fetch(sample: Sample, file: DataFile, path: Path) -> None:
    with path.open("wb") as target:
        for start in range(0, file.size, BLOCK):
            target.write(sample.source.read(file.key, start, BLOCK))


def _take(connection: duckdb.DuckDBPyConnection, path: Path, table: Table, file: DataFile, room: _Room) -> list[Notice]:
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    index = _index_columns(connection, path)
    kinds = {str(name): str(kind) for name, kind, *_ in described if name not in index}
    text = [name for name, kind in kinds.items() if kind not in _NUMBERS and not _DECIMAL.fullmatch(kind)]
    if text:
        message, advice = f"the column {text[0]!r} holds no numbers", "encode categories as numbers"
        return [Notice(check="format", message=message, channel=table.channel, file=file.name, advice=advice)]
    if twice := _named_twice(connection, path):
        advice = "columns are put together by their names: give each its own"
        message = f"two of its columns have the name {twice!r}"
        return [Notice(check="format", message=message, channel=table.channel, file=file.name, advice=advice)]
    table.names = table.names or tuple(kinds)
    if set(kinds) != set(table.names):
        return [_others(table, file, kinds)]
    if not table.columns:
        table.columns, table.empty = [array("d") for _ in table.names[1:]], [0] * (len(table.names) - 1)
    found = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    count = found[0] if found else 0
    stride = -(-count // room.rows_of(len(kinds))) or 1
    # By name, in the first file's order, as the training reads them.
    columns = ", ".join(f"{_quoted(name)}::DOUBLE" for name in table.names)
    every = f"SELECT {columns} FROM read_parquet(?) QUALIFY (row_number() OVER () - 1) % ? = 0"  # noqa: S608 - quoted
    rows = connection.execute(every, [str(path), stride])
    while chunk := rows.fetchmany(_CHUNK):
        for values in chunk:
            _keep(table, values, stride)
    table.seen += count
    table.is_whole = table.is_whole and stride == 1
    return []


def _named_twice(connection: duckdb.DuckDBPyConnection, path: Path) -> str | None:
    """A name that two columns share in a flat file itself; DuckDB renames the second one."""
    names = connection.execute("SELECT name FROM parquet_schema(?) OFFSET 1", [str(path)]).fetchall()
    counts = Counter(str(name) for (name,) in names)
    return next((name for name, count in counts.items() if count > 1), None)


def _index_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> frozenset[str]:
    """The columns in which pandas has kept its index; neither pandas nor a training reads them as columns."""
    query = "SELECT value FROM parquet_kv_metadata(?) WHERE key = 'pandas'"
    kept = connection.execute(query, [str(path)]).fetchone()
    try:
        document = json.loads(kept[0]) if kept else {}
        return frozenset(column for column in document.get("index_columns", ()) if isinstance(column, str))
    except (ValueError, AttributeError, TypeError):
        return frozenset()


def _others(table: Table, file: DataFile, kinds: Mapping[str, str]) -> Notice:
    differ = sorted(set(kinds) ^ set(table.names))
    told = ", ".join(map(repr, differ[:6])) + (f" and {len(differ) - 6} more" if len(differ) > 6 else "")
    return Notice(
        check="ragged", channel=table.channel, file=file.name,
        message=f"its {len(kinds)} columns are not the {len(table.names)} of the first file; only one of the two has "
        f"{told}",
        advice="every file of a channel needs the same columns, which are put together by their names",
    )  # fmt: skip


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _keep(table: Table, values: tuple[float | None, ...], stride: int) -> None:
    table.rows.append(len(table.rows) * stride + 1)
    table.label.append(MISSING if values[0] is None else values[0])
    for place, value in enumerate(values[1:]):
        table.columns[place].append(MISSING if value is None else value)
        table.empty[place] += value is None
