"""The tables in a DuckDB database on this machine: the same files and views, without Athena."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwatch.cli.athena import Answer
from gridwatch.cli.errors import CliError
from gridwatch.storage import layout
from gridwatch.tables import queries, schemas
from gridwatch.tables.parquet import damage_of

if TYPE_CHECKING:
    import duckdb
    from mypy_boto3_s3 import S3Client

_BROKEN = ".damaged"


class LocalTables:
    """A folder of copies of a bucket's tables, for queries. Files that did not change are not fetched again."""

    def __init__(self, s3: S3Client, bucket: str, folder: Path) -> None:
        self._s3 = s3
        self._bucket = bucket
        self.damaged: dict[str, str] = {}  # files that were left out by the last refresh, and why
        self._folder = folder / hashlib.sha256(bucket.encode()).hexdigest()[:12]

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        import duckdb  # noqa: PLC0415  65 MB, which other commands do not need

        return duckdb.connect()

    def refresh(self) -> int:
        """Fetch what is new and declare tables and views again; returns how many files were fetched. A damaged file is
        left out and reported.
        """
        fetched = 0
        self.damaged = {}
        for table in schemas.TABLES:
            files: list[Path] = []
            damaged: list[Path] = []
            for key, etag in self._listed(f"{layout.TABLE_PREFIX}{table.name}/"):
                # A changed object has another name here, so that a half-fetched file is never taken for one.
                path = self._folder / table.name / f"{Path(key).stem}.{etag}.parquet"
                broken = path.with_suffix(_BROKEN)
                if not path.exists() and not broken.exists():
                    self._fetch(key, path)
                    fetched += 1
                    if damage_of(path, table):
                        path.replace(broken)
                if broken.exists():
                    self.damaged[f"s3://{self._bucket}/{key}"] = damage_of(broken, table) or "it was damaged"
                (damaged if broken.exists() else files).append(broken if broken.exists() else path)
            self._remove_others(self._folder / table.name, [*files, *damaged])
            self._declare(table, files)
        for query in queries.NAMED_QUERIES:
            self._connection.execute(f"CREATE OR REPLACE VIEW {query.name} AS {query.select}")
        return fetched

    def statements_of(self, text: str) -> list[str]:
        """The single statements of a text, split as DuckDB does: a semicolon in quotes or in a comment ends none.
        Raises CliError for text that is not SQL.
        """
        import duckdb  # noqa: PLC0415  65 MB, which other commands do not need

        try:
            return [each.query for each in self._connection.extract_statements(text)]
        except duckdb.Error as error:
            raise CliError(str(error)) from error

    def ask(self, sql: str) -> Answer:
        """The answer to one statement in DuckDB's SQL. Raises CliError with DuckDB's reason."""
        import duckdb  # noqa: PLC0415  it is there already

        try:
            cursor = self._connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, map(_as_athena, values), strict=True)) for values in cursor.fetchall()]
        except duckdb.Error as error:
            raise CliError(str(error)) from error
        return Answer(names, rows)

    def _listed(self, prefix: str) -> Iterator[tuple[str, str]]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"], found["ETag"].strip('"')

    def _fetch(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        partial.replace(path)

    def _remove_others(self, folder: Path, files: list[Path]) -> None:
        for path in {*folder.glob("*.parquet"), *folder.glob(f"*{_BROKEN}")} - set(files):
            path.unlink()

    def _declare(self, table: schemas.Table, files: list[Path]) -> None:
        source = _source(files)
        present = self._columns(source) if files else set()
        quoted = {column: f'"{column.name}"' for column in table.columns}
        columns = ", ".join(
            f"{name if column.name in present else 'NULL'}::{column.type.duckdb} AS {name}"
            for column, name in quoted.items()
        )
        rows = source if files else "(SELECT 1 WHERE false)"
        self._connection.execute(f"CREATE OR REPLACE VIEW {table.name} AS SELECT {columns} FROM {rows}")  # noqa: S608

    def _columns(self, source: str) -> set[Any]:
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {source}")  # noqa: S608  literals
        return {name for name, *_ in described.fetchall()}


def _as_athena(value: Any) -> Any:
    """The value with times as text, as `gridwatch.cli.athena` returns them."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    return value.isoformat() if isinstance(value, date) else value


def _source(files: list[Path]) -> str:
    listed = ", ".join(queries.text_literal(str(file)) for file in files)
    # A file of an earlier schema lacks columns.
    return f"read_parquet([{listed}], union_by_name = true)"
