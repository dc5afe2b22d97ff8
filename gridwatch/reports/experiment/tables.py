"""The tables from which the report is made, read from the Parquet files of one snapshot with DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwatch.tables import schemas
from gridwatch.tables.curve_names import CurveKey, curve_labels, echoes

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]

# Points of curves in one page: with four bytes each in base64 these are 2.7 MB.
MOST_POINTS = 500_000
_FEWEST_OF_A_CURVE = 20
TABLES = ("experiments", "trials", "metrics", "rule_evaluations", "findings")


@dataclass(frozen=True, slots=True)
class Series:
    """One curve of one trial by step; values may be NaN or infinite. `objective`: whether the trial is compared
    by it.
    """

    trial_id: str
    name: str
    mode: str
    steps: Sequence[int]
    values: Sequence[float]
    source: str = "hook"
    worker: str | None = None
    objective: bool = False
    thinned: bool = False  # the table has not all of its points
    places: Sequence[int] = ()  # of each point, how many values of the metric the table has by then; () is 1, 2, 3, …

    @property
    def key(self) -> CurveKey:
        return CurveKey(self.name, self.mode, self.source, self.worker)


@dataclass(frozen=True)
class ExperimentTables:
    """Rows by column name, trials in the grid's order. `point_count` counts the points before curves were thinned."""

    experiment: Row
    trials: Sequence[Row]
    findings: Sequence[Row] = ()
    evaluations: Sequence[Row] = ()
    series: Sequence[Series] = ()
    point_count: int = 0
    last_values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by curve's label, then trial

    @cached_property
    def labels(self) -> Mapping[CurveKey, str]:
        return curve_labels(each.key for each in self.series)

    def label(self, series: Series) -> str:
        """The name of the curve for people: the objective's has the metric's name, wherever it comes from."""
        metric = self.experiment.get("objective_metric")
        return str(metric) if series.objective and metric else self.labels[series.key]

    @property
    def shown_points(self) -> int:
        return sum(len(each.steps) for each in self.series)


def read_tables(find: Callable[[str], Path], most_points: int = MOST_POINTS) -> ExperimentTables:
    """The tables of one experiment; `find` returns the Parquet file of a table. Raises duckdb.Error."""
    with _connected(find) as connection:
        (experiment,) = _rows(connection, "SELECT * FROM experiments")
        count = connection.execute("SELECT count(*) FROM metrics").fetchone()
        points = int(count[0]) if count else 0
        tables = ExperimentTables(
            experiment=experiment,
            trials=_rows(connection, "SELECT * FROM trials ORDER BY grid_index, trial_id"),
            findings=_rows(connection, "SELECT * FROM findings ORDER BY found_at, job_name, rule_name"),
            evaluations=_rows(connection, "SELECT * FROM rule_evaluations ORDER BY rule_name, job_name"),
            series=_without_echoes(_series(connection, points, most_points)),
            point_count=points,
        )
        return replace(tables, last_values=_last_values(tables))


@contextmanager
def _connected(find: Callable[[str], Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb  # noqa: PLC0415  65 MB, which only a report needs

    folder = str(find("metrics").parent)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 2,
        "memory_limit": "384MB",
        "temp_directory": folder,
    }
    with duckdb.connect(config=settings) as connection:
        for name in TABLES:
            file = str(find(name)).replace("'", "''")
            connection.execute(f"CREATE VIEW {name} AS {_columns(connection, name, file)}")
        yield connection


def _columns(connection: duckdb.DuckDBPyConnection, name: str, file: str) -> str:
    """The columns that a file has; a file of an earlier schema lacks some."""
    described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{file}')").fetchall()  # noqa: S608  ours
    present = {column for column, *_ in described}
    lacking = "".join(
        f", {column.former}::{column.type.duckdb} AS {column.name}"
        for column in schemas.table(name).columns
        if column.name not in present and column.former is not None
    )
    return f"SELECT *{lacking} FROM read_parquet('{file}')"  # noqa: S608  a file of ours


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    answer = connection.execute(sql)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _series(connection: duckdb.DuckDBPyConnection, points: int, most_points: int) -> list[Series]:
    """Every curve of every trial's latest job; above `most_points` only each n-th of its points, and always its
    ends.
    """
    found = connection.execute(
        """
        WITH numbered AS (
          SELECT m.trial_id, m.name, m.mode, m.source, m.worker, m.objective, m.thinned, m.step, m.value, t.grid_index,
            row_number() OVER curve AS place,
            count(*) OVER (PARTITION BY m.trial_id, m.name, m.mode, m.source, m.worker) AS points
          FROM metrics m JOIN trials t ON t.trial_id = m.trial_id AND t.job_name = m.job_name
          WHERE m.value IS NOT NULL
          WINDOW curve AS (PARTITION BY m.trial_id, m.name, m.mode, m.source, m.worker ORDER BY m.step)
        )
        SELECT trial_id, name, mode, list(step ORDER BY step), list(value ORDER BY step), source, worker, objective,
          bool_or(thinned), list(place ORDER BY step)
        FROM numbered
        WHERE (place - 1) % least(?, greatest(1, points // ?)) = 0 OR place = points
        GROUP BY grid_index, trial_id, name, mode, source, worker, objective
        ORDER BY name, mode, source, worker NULLS FIRST, grid_index, trial_id
        """,
        [max(1, -(-points // most_points)), _FEWEST_OF_A_CURVE],
    )
    return [Series(*row) for row in found.fetchall()]


def _without_echoes(series: Sequence[Series]) -> list[Series]:
    by_trial: dict[str, dict[CurveKey, Series]] = {}
    for each in series:
        by_trial.setdefault(each.trial_id, {})[each.key] = each
    gone = {
        (trial, key)
        for trial, its in by_trial.items()
        for key in echoes(
            {key: len(each.steps) for key, each in its.items()}, {key for key, each in its.items() if each.objective}
        )
    }
    return [each for each in series if (each.trial_id, each.key) not in gone]


def _last_values(tables: ExperimentTables) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {}
    for each in tables.series:
        values.setdefault(tables.label(each), {})[each.trial_id] = each.values[-1]
    return values
