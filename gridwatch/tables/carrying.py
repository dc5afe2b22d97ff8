"""What one snapshot takes over from the one before it, by DuckDB on the Parquet files themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gridwatch.tables import schemas
from gridwatch.tables.facts import CurveCount, Stamp
from gridwatch.tables.parquet import Carried

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Former:
    """The files of the experiment's last snapshot; None where there is none, or where it was of another schema."""

    trials: Path | None = None
    metrics: Path | None = None

    @cached_property
    def settled_jobs(self) -> frozenset[str]:
        """Jobs that were over and whose curves were read to their end; none unless both files are of one snapshot
        (of an empty table of metrics only those without a curve). A file that cannot be read counts as absent.
        """
        return self._jobs(_SETTLED)

    @cached_property
    def jobs(self) -> frozenset[str]:
        """All jobs that were recorded, likewise."""
        return self._jobs(_RECORDED)

    def _jobs(self, query: str) -> frozenset[str]:
        import duckdb  # noqa: PLC0415  65 MB, which only a snapshot needs

        if self.trials is None or self.metrics is None:
            return frozenset()
        try:
            with duckdb.connect() as connection:
                if not _are_of_one_snapshot(connection, self.trials, self.metrics):
                    return frozenset()
                found = connection.execute(query, [str(self.metrics), str(self.trials)]).fetchall()
        except duckdb.Error:
            return frozenset()
        return frozenset(name for (name,) in found)

    def carry(self, jobs: Collection[str], stamp: Stamp) -> Carried | None:
        """The rows of these jobs' metrics, as rows of a new snapshot."""
        return Carried(self.metrics, sorted(jobs), stamp) if self.metrics is not None and jobs else None


# Of an empty table of metrics nothing tells which snapshot it is of: it may be one from before the jobs, left there by
# a snapshot that died after it had put `trials`. Then a job is settled only if no curves are missing from that table.
_SNAPSHOTS = "SELECT snapshot_id FROM read_parquet(?) UNION SELECT snapshot_id FROM read_parquet(?)"
_SETTLED = """\
WITH metrics AS (SELECT count(*) AS rows FROM read_parquet(?))
SELECT job_name FROM read_parquet(?), metrics WHERE metrics_complete AND (metric_count = 0 OR metrics.rows > 0)"""
_RECORDED = """\
WITH metrics AS (SELECT count(*) AS rows FROM read_parquet(?))
SELECT job_name FROM read_parquet(?), metrics"""


def _are_of_one_snapshot(connection: duckdb.DuckDBPyConnection, trials: Path, metrics: Path) -> bool:
    if not (_is_current(connection, trials, schemas.TRIALS) and _is_current(connection, metrics, schemas.METRICS)):
        return False
    return len(connection.execute(_SNAPSHOTS, [str(trials), str(metrics)]).fetchall()) <= 1


def _is_current(connection: duckdb.DuckDBPyConnection, path: Path, table: schemas.Table) -> bool:
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    found = {name: kind for name, kind, *_ in described}
    known = {column.name: column for column in table.columns}
    return found.keys() <= known.keys() and all(
        found.get(name, column.type.duckdb if column.former is not None else None) == column.type.duckdb
        for name, column in known.items()
    )


def curve_counts(path: Path, *, maximizing: Collection[str]) -> dict[str, CurveCount]:
    """By job: the points in a file of `metrics`, and what its objective's curve comes to. `complete` is not known here.

    `maximizing`: the jobs whose objective is better when higher.
    """
    import duckdb  # noqa: PLC0415  65 MB, which only a snapshot needs

    with duckdb.connect() as connection:
        found = connection.execute(_COUNTS, [sorted(maximizing), str(path)]).fetchall()
    return {
        job: CurveCount(
            points=points, complete=False, best=best, best_step=step, last=last, last_step=last_step, source=source
        )
        for job, points, best, step, last, last_step, source in found
    }


_COUNTS = """\
SELECT job_name, count(*), any_value(sign) * max(value * sign) FILTER (objective AND isfinite(value)),
  arg_max(step, (value * sign, -step)) FILTER (objective AND isfinite(value)),
  arg_max(value, step) FILTER (objective), max(step) FILTER (objective), any_value(source) FILTER (objective)
FROM (SELECT *, CASE WHEN list_contains(?::VARCHAR[], job_name) THEN 1 ELSE -1 END AS sign FROM read_parquet(?))
GROUP BY job_name"""
