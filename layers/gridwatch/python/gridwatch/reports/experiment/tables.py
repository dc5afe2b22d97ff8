"""What the report is made of, read from the Parquet files of one snapshot with DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]

# Points of curves in one page: with four bytes each in base64 these are 2.7 MB.
MOST_POINTS = 500_000
_FEWEST_OF_A_CURVE = 20
TABLES = ("experiments", "trials", "metrics", "rule_evaluations", "findings")


@dataclass(frozen=True, slots=True)
class Series:
    """One scalar of one trial by step; values may be NaN or infinite."""

    trial_id: str
    name: str
    mode: str
    steps: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class ExperimentTables:
    """Rows by column name, trials in the grid's order. `point_count` counts the points before curves were thinned."""

    experiment: Row
    trials: Sequence[Row]
    findings: Sequence[Row] = ()
    evaluations: Sequence[Row] = ()
    series: Sequence[Series] = ()
    point_count: int = 0
    last_values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by metric, then trial

    @property
    def shown_points(self) -> int:
        return sum(len(each.steps) for each in self.series)


def read_tables(find: Callable[[str], Path], most_points: int = MOST_POINTS) -> ExperimentTables:
    """The tables of one experiment; `find` gives the Parquet file of a table. Raises duckdb.Error."""
    with _connected(find) as connection:
        (experiment,) = _rows(connection, "SELECT * FROM experiments")
        count = connection.execute("SELECT count(*) FROM metrics").fetchone()
        points = int(count[0]) if count else 0
        return ExperimentTables(
            experiment=experiment,
            trials=_rows(connection, "SELECT * FROM trials ORDER BY grid_index, trial_id"),
            findings=_rows(connection, "SELECT * FROM findings ORDER BY found_at, job_name, rule_name"),
            evaluations=_rows(connection, "SELECT * FROM rule_evaluations ORDER BY rule_name, job_name"),
            series=_series(connection, points, most_points),
            point_count=points,
            last_values=_last_values(connection),
        )


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
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{file}')")  # noqa: S608  a file of ours
        yield connection


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    answer = connection.execute(sql)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _series(connection: duckdb.DuckDBPyConnection, points: int, most_points: int) -> list[Series]:
    """Every curve of every trial's latest job; above `most_points` each n-th of its points, its ends always."""
    found = connection.execute(
        """
        WITH numbered AS (
          SELECT m.trial_id, m.name, m.mode, m.step, m.value, t.grid_index,
            row_number() OVER curve AS place, count(*) OVER (PARTITION BY m.trial_id, m.name, m.mode) AS points
          FROM metrics m JOIN trials t ON t.trial_id = m.trial_id AND t.job_name = m.job_name
          WHERE m.value IS NOT NULL
          WINDOW curve AS (PARTITION BY m.trial_id, m.name, m.mode ORDER BY m.step)
        )
        SELECT trial_id, name, mode, list(step ORDER BY step), list(value ORDER BY step)
        FROM numbered
        WHERE (place - 1) % least(?, greatest(1, points // ?)) = 0 OR place = points
        GROUP BY grid_index, trial_id, name, mode
        ORDER BY name, mode, grid_index, trial_id
        """,
        [max(1, -(-points // most_points)), _FEWEST_OF_A_CURVE],
    )
    return [Series(*row) for row in found.fetchall()]


def _last_values(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, float]]:
    found = connection.execute(
        """
        SELECT m.name, m.trial_id, arg_max(m.value, m.step)
        FROM metrics m JOIN trials t ON t.trial_id = m.trial_id AND t.job_name = m.job_name
        WHERE m.value IS NOT NULL GROUP BY ALL ORDER BY ALL
        """
    )
    values: dict[str, dict[str, float]] = {}
    for name, trial, value in found.fetchall():
        values.setdefault(name, {})[trial] = value
    return values
