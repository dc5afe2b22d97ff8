"""Works on all points of an experiment before they are stored: marks which curve is the objective's, and thins very
long curves. It runs in SQL, on the table `rows` of `metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.streams.metric_source import MetricSource

if TYPE_CHECKING:
    import duckdb

MOST_POINTS = 100_000  # of one curve: one metric of one source, worker and mode of a job


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric by which a job's trial is compared, and the source from which it is taken. `repeated`: the job's log
    prints what its hook saves, so where the hook saves fewer rounds, the log has the whole curve.
    """

    job_name: str
    metric: str
    source: MetricSource
    maximize: bool
    repeated: bool = False


def drop_echoes(connection: duckdb.DuckDBPyConnection, jobs: Sequence[str]) -> None:
    """Remove metrics from the log of those jobs whose hook saves what they print, where the hook saved all values: they
    are kept once, with all their digits.
    """
    connection.execute(_ECHOES, [list(jobs)])


def mark_objectives(connection: duckdb.DuckDBPyConnection, objectives: Sequence[Objective]) -> None:
    """Set `objective` in one curve of each job: from its source where that has the metric, else from the next that has
    it; where the log repeats the hook, from the one with more points; of several workers the first, of several modes
    the one saved first; the metric's own name before the hook's spelling of it. Never parts of two.
    """
    connection.execute("UPDATE rows SET objective = false WHERE objective")
    columns = [
        [each.job_name for each in objectives],
        [each.metric for each in objectives],
        [each.source.value for each in objectives],
        [each.repeated for each in objectives],
    ]
    connection.execute(_CHOSEN, columns)
    connection.execute(_MARK)


def thin(connection: duckdb.DuckDBPyConnection, most: int = MOST_POINTS) -> None:
    """Keep about `most` points of each longer curve, evenly spaced, with its first, last, least and greatest and the
    first that is not finite; `thinned` is set in them.
    """
    connection.execute(_LONG, [most])
    if connection.execute("SELECT 1 FROM long LIMIT 1").fetchone():
        connection.execute(_DELETE, [most])
        connection.execute(_FLAG)


_SAME = """rows.job_name = {0}.job_name AND rows.source = {0}.source AND rows.worker IS NOT DISTINCT FROM {0}.worker
  AND rows.mode = {0}.mode AND rows.name = {0}.name"""

_ECHOES = """\
DELETE FROM rows WHERE source = 'log' AND (job_name, name) IN (
  SELECT (job_name, name) FROM rows WHERE job_name IN (SELECT unnest(?::VARCHAR[])) GROUP BY job_name, name
  HAVING count(DISTINCT step) FILTER (source = 'hook') >= count(*) FILTER (source = 'log')
)"""

_CHOSEN = """\
CREATE OR REPLACE TEMP TABLE chosen AS
WITH wanted AS (
  SELECT unnest(?::VARCHAR[]) AS job_name, unnest(?::VARCHAR[]) AS metric, unnest(?::VARCHAR[]) AS source,
    unnest(?::BOOLEAN[]) AS repeated
), curves AS (
  SELECT rows.job_name, rows.source, rows.worker, rows.mode, rows.name, min(rows.step) AS first,
    any_value(rows.source = wanted.source) AS is_its_source, any_value(rows.name = wanted.metric) AS is_its_name,
    count(*) FILTER (wanted.repeated) AS whole
  FROM rows JOIN wanted ON rows.job_name = wanted.job_name
  WHERE rows.name = wanted.metric OR rows.name = replace(wanted.metric, ':', '-')
  GROUP BY rows.job_name, rows.source, rows.worker, rows.mode, rows.name
)
SELECT job_name, source, worker, mode, name FROM curves
QUALIFY row_number() OVER (
  PARTITION BY job_name
  ORDER BY whole DESC, is_its_source DESC, source = 'sagemaker', source, is_its_name DESC, worker NULLS FIRST, first,
    mode
) = 1"""

_MARK = f"UPDATE rows SET objective = true FROM chosen WHERE {_SAME.format('chosen')}"  # noqa: S608  no text of others

_LONG = """\
CREATE OR REPLACE TEMP TABLE long AS
SELECT job_name, source, worker, mode, name, count(*) AS points,
  arg_min(step, (value, step)) FILTER (isfinite(value)) AS least,
  arg_max(step, (value, -step)) FILTER (isfinite(value)) AS greatest,
  min(step) FILTER (NOT isfinite(value)) AS broken
FROM rows GROUP BY ALL HAVING count(*) > ?"""

_DELETE = f"""\
DELETE FROM rows WHERE rowid IN (
  SELECT id FROM (
    SELECT rows.rowid AS id, points, rows.step IN (least, greatest, broken) AS marked,
      row_number() OVER (PARTITION BY rows.job_name, rows.source, rows.worker, rows.mode, rows.name ORDER BY rows.step)
        AS place
    FROM rows JOIN long ON {_SAME.format("long")}
  )
  WHERE place > 1 AND place < points AND NOT coalesce(marked, false)
    AND (place - 1) % CAST(ceil(points / CAST(? AS DOUBLE)) AS BIGINT) <> 0
)"""  # noqa: S608  no text of others

_FLAG = f"UPDATE rows SET thinned = true FROM long WHERE {_SAME.format('long')}"  # noqa: S608  no text of others
