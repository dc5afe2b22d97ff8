"""Rows to Parquet and back, and the named queries on those very files."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialState
from gridwatch.tables import queries, rows, schemas
from gridwatch.tables.facts import Point
from gridwatch.tables.parquet import write_parquet
from tests.unit.tables.facts_of import NOON, STAMP, a_trial, some_facts
from tests.unit.tables.test_rows import REACTION


def _read(path: Path, sql: str = "SELECT * FROM rows") -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{path}')")
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("table", schemas.TABLES, ids=lambda table: table.name)
def test_an_empty_table_has_its_columns_and_types_too(table: schemas.Table, tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    assert write_parquet(table, [], path) == 0
    found = [(name, kind) for name, kind, *_ in _read(path, "DESCRIBE rows")]
    assert found == [(column.name, column.type.duckdb) for column in table.columns]


def test_values_survive_whatever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "metrics.parquet"
    points = [
        Point("loss", "TRAIN", 0, math.nan, NOON.astimezone(timezone(timedelta(hours=5)))),
        Point("loss", "TRAIN", 1, -math.inf, None),
        Point('o"d\nd, \\N ü', "EVAL", 2**40, 0.1 + 0.2, NOON + timedelta(microseconds=1)),
    ]
    assert write_parquet(schemas.METRICS, rows.metric_rows(a_trial(), points, STAMP), path) == 3
    back = _read(path, "SELECT name, mode, step, value, logged_at FROM rows ORDER BY step")
    assert math.isnan(back[0][3])
    assert back[0][4] == NOON.replace(tzinfo=None)
    assert back[1][3:] == (-math.inf, None)
    assert back[2] == (
        'o"d\nd, \\N ü',
        "EVAL",
        2**40,
        0.1 + 0.2,
        (NOON + timedelta(microseconds=1)).replace(tzinfo=None),
    )


def test_more_rows_than_one_chunk(tmp_path: Path) -> None:
    path = tmp_path / "metrics.parquet"
    points = (Point("loss", "TRAIN", step, step / 7, None) for step in range(45_000))
    assert write_parquet(schemas.METRICS, rows.metric_rows(a_trial(), points, STAMP), path) == 45_000
    assert _read(path, "SELECT count(*), max(step), count(DISTINCT value) FROM rows") == [(45_000, 44_999, 45_000)]


def test_a_row_with_other_columns_is_refused(tmp_path: Path) -> None:
    (row,) = rows.trial_rows(some_facts(a_trial()), STAMP)
    with pytest.raises(ValueError, match="colour, state"):
        write_parquet(schemas.TRIALS, [{**{k: v for k, v in row.items() if k != "state"}, "colour": 1}], tmp_path / "x")


@pytest.fixture
def tables(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """The tables of one experiment as views in DuckDB, by the names under which Athena has them."""
    facts = some_facts(a_trial(0), a_trial(1), a_trial(2, state=TrialState.RUNNING, final_metrics={}), a_trial(3))
    made: dict[schemas.Table, Any] = dict.fromkeys(schemas.TABLES, ())
    made[schemas.TRIALS] = rows.trial_rows(facts, STAMP)
    made[schemas.PARAMETERS] = rows.parameter_rows(facts, STAMP)
    connection = duckdb.connect()
    for table, its_rows in made.items():
        path = tmp_path / f"{table.name}.parquet"
        write_parquet(table, its_rows, path)
        connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{path}')")
    return connection


def test_the_leaderboard_has_the_best_first_and_the_unknown_last(tables: duckdb.DuckDBPyConnection) -> None:
    with tables:
        found = tables.execute(queries.leaderboard_of("blobs")).fetchall()
    assert [(row[0], row[3], row[7]) for row in found] == [
        (1, "0000000000", 0.1),
        (2, "0000000001", 0.11),
        (3, "0000000003", 0.13),
        (None, "0000000002", None),
    ]


def test_the_leaderboard_of_a_maximized_objective_turns_round(tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    write_parquet(
        schemas.TRIALS, rows.trial_rows(some_facts(a_trial(0), a_trial(1), direction="maximize"), STAMP), path
    )
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW trials AS SELECT * FROM read_parquet('{path}')")
        found = connection.execute(queries.leaderboard_of("blobs")).fetchall()
    assert [row[7] for row in found] == [0.11, 0.1]


def test_the_leaderboard_of_an_odd_name_is_only_that_names(tables: duckdb.DuckDBPyConnection) -> None:
    with tables:
        assert tables.execute(queries.leaderboard_of("blobs' OR '1'='1")).fetchall() == []


@pytest.mark.parametrize("query", queries.NAMED_QUERIES, ids=lambda query: query.name)
def test_every_named_query_runs(query: queries.NamedQuery, tables: duckdb.DuckDBPyConnection) -> None:
    with tables:
        columns = [column[0] for column in tables.execute(query.sql).description or ()]
    assert all(name.isidentifier() for name in columns)


def test_best_by_parameter_takes_the_best_in_the_objectives_direction(tables: duckdb.DuckDBPyConnection) -> None:
    with tables:
        found = tables.execute(queries.BEST_BY_PARAMETER.sql).fetchall()
    assert ("blobs", "eta", "0.2", 3, 0.1) in [row[:5] for row in found]


def test_what_audited_trials_really_took_stands_beside_the_estimate_and_is_no_saving(tmp_path: Path) -> None:
    savings = SavingsRecord(
        seconds=600.0, cost=0.5, currency="USD", method="progress", price_per_hour=3.6, price_source="a test"
    )
    stop = replace(REACTION, action="stop", savings=savings)
    audited = replace(stop, action="would stop", outcome="not stopped", audited=True)
    trials = [a_trial(0), a_trial(1, ended_at=audited.decided_at + timedelta(seconds=100))]
    facts = some_facts(*trials)
    told = [replace(each, reactions=(made,)) for each, made in zip(facts.trials, (stop, audited), strict=True)]
    made = {schemas.TRIALS: (), schemas.FINDINGS: rows.finding_rows(replace(facts, trials=tuple(told)), STAMP)}
    with duckdb.connect() as connection:
        for table, its_rows in made.items():
            path = tmp_path / f"{table.name}.parquet"
            write_parquet(table, its_rows, path)
            connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{path}')")
        connection.execute(queries.COST_BY_WEEK.sql)
        (row,) = connection.fetchall()
        found = dict(zip([column[0] for column in connection.description or ()], row, strict=True))
    assert (found["stops"], found["saved_seconds"], found["saved_cost"]) == (1, 600.0, 0.5)
    assert (found["audited_stops"], found["audited_saved_cost"]) == (1, 0.5)
    assert found["audited_cost_after"] == pytest.approx(0.1)
    assert found["shadow_stops"] == 0
