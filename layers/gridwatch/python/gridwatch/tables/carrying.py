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

# What a hook calls a metric that SageMaker knows as `validation:error`.
_SEPARATORS = (":", "-")


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
        import duckdb  # noqa: PLC0415  65 MB, which only a snapshot needs

        try:
            return self._settled_jobs()
        except duckdb.Error:
            return frozenset()

    def _settled_jobs(self) -> frozenset[str]:
        import duckdb  # noqa: PLC0415  it is there already

        if self.trials is None or self.metrics is None:
            return frozenset()
        with duckdb.connect() as connection:
            if not (
                _is_current(connection, self.trials, schemas.TRIALS)
                and _is_current(connection, self.metrics, schemas.METRICS)
            ):
                return frozenset()
            wrote = connection.execute(_SNAPSHOTS, [str(self.trials), str(self.metrics)]).fetchall()
            if len(wrote) > 1:
                return frozenset()
            found = connection.execute(_SETTLED, [str(self.metrics), str(self.trials)]).fetchall()
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


def _is_current(connection: duckdb.DuckDBPyConnection, path: Path, table: schemas.Table) -> bool:
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return [(name, kind) for name, kind, *_ in described] == [
        (column.name, column.type.duckdb) for column in table.columns
    ]


def curve_counts(path: Path, objective: str | None, *, maximize: bool) -> dict[str, CurveCount]:
    """By job: the points in a file of `metrics`, and the objective's best among them. `complete` is not known here."""
    import duckdb  # noqa: PLC0415  65 MB, which only a snapshot needs

    names = [objective, objective.replace(*_SEPARATORS)] if objective else []
    best = "max" if maximize else "min"
    query = f"""\
SELECT job_name, count(*), {best}(value) FILTER (of_objective) AS best_value,
  {"arg_max" if maximize else "arg_min"}(step, (value, {"-" if maximize else ""}step)) FILTER (of_objective)
FROM (SELECT *, list_contains(?::VARCHAR[], name) AND isfinite(value) AS of_objective FROM read_parquet(?))
GROUP BY job_name"""  # noqa: S608  no text of others
    with duckdb.connect() as connection:
        found = connection.execute(query, [names, str(path)]).fetchall()
    return {
        job: CurveCount(points=points, complete=False, best=value, best_step=step) for job, points, value, step in found
    }
