"""`gridwatch query` and `gridwatch sql`: what is typed becomes statements, and files become tables."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from gridwatch.cli.analytics.local_tables import LocalTables
from gridwatch.cli.analytics.shell import run, statements
from gridwatch.cli.errors import CliError
from gridwatch.cli.queries import sql_of
from gridwatch.tables import queries, rows, schemas
from gridwatch.tables.parquet import write_parquet
from tests.unit.tables.facts_of import STAMP, a_trial, some_facts


class FilesAsBucket:
    """The part of S3's client that is needed, over a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fetched: list[str] = []

    def get_paginator(self, operation: str) -> FilesAsBucket:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803  boto3's spelling
        found = sorted((self._folder / Prefix).glob("*.parquet"))
        return [
            {"Contents": [{"Key": f"{Prefix}{path.name}", "ETag": f'"{path.stat().st_mtime_ns}"'} for path in found]}
        ]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  boto3's spelling
        self.fetched.append(Key)
        return {"Body": BytesIO((self._folder / Key).read_bytes())}


def test_statements_end_with_a_semicolon_and_commands_stand_alone() -> None:
    typed = ["SELECT 1", "  FROM trials;", "", ".tables", "SELECT 2;", ".quit", "SELECT 3;"]
    assert list(statements(typed)) == ["SELECT 1\nFROM trials", ".tables", "SELECT 2"]


def test_what_is_left_at_the_end_is_a_statement_too() -> None:
    assert list(statements(["SELECT 1"])) == ["SELECT 1"]


def test_each_statement_of_a_line_has_its_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    s3: Any = FilesAsBucket(tmp_path)
    tables = LocalTables(s3, "bucket", tmp_path / "here")
    (text,) = statements(["SELECT 1 AS one; SELECT ';' AS sign, 2 AS two -- not ; here", ";"])
    run(tables, text, as_json=True)
    printed = capsys.readouterr().out
    assert json.loads(printed.replace("]\n[", ",")) == [{"one": 1}, {"sign": ";", "two": 2}]
    with pytest.raises(CliError, match="syntax error"):
        run(tables, "SELECT 1; SELEC 2", as_json=True)


def test_files_become_tables_and_views_and_are_fetched_once(tmp_path: Path) -> None:
    folder = tmp_path / "bucket" / "tables" / "trials"
    folder.mkdir(parents=True)
    write_parquet(schemas.TRIALS, rows.trial_rows(some_facts(a_trial(0), a_trial(1)), STAMP), folder / "blobs.parquet")
    s3: Any = FilesAsBucket(tmp_path / "bucket")
    tables = LocalTables(s3, "bucket", tmp_path / "here")
    assert (tables.refresh(), tables.refresh()) == (1, 0)
    board = tables.ask("SELECT place, trial_id FROM leaderboard ORDER BY place").rows
    assert [row["trial_id"] for row in board] == [a_trial(0).trial_id, a_trial(1).trial_id]
    assert tables.ask("SELECT count(*) AS n FROM metrics").rows == [{"n": 0}], "a table without a file is empty"
    with pytest.raises(CliError, match="nonsense"):
        tables.ask("SELECT nonsense FROM trials")


def test_files_of_an_earlier_schema_lack_columns_and_can_be_read(tmp_path: Path) -> None:
    import duckdb

    folder = tmp_path / "bucket" / "tables" / "trials"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT 'old' AS experiment, 't' AS trial_id, 'completed' AS state) TO '{folder}/old.parquet'"
        )
    s3: Any = FilesAsBucket(tmp_path / "bucket")
    tables = LocalTables(s3, "bucket", tmp_path / "here")
    tables.refresh()
    assert tables.ask("SELECT experiment, cost FROM trials").rows == [{"experiment": "old", "cost": None}]


def test_a_question_is_a_view_a_table_or_sql() -> None:
    assert sql_of("leaderboard", None) == queries.LEADERBOARD.sql
    assert "WHERE experiment = 'blobs'" in sql_of("cost_by_week", "blobs")
    assert sql_of("trials", None) == "SELECT * FROM trials"
    assert sql_of("SELECT 1", None) == "SELECT 1"
    with pytest.raises(CliError, match="there is no view 'leaderbord'"):
        sql_of("leaderbord", None)
    with pytest.raises(CliError, match="WHERE experiment"):
        sql_of("SELECT 1", "blobs")
