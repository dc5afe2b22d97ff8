"""Writes the table `metrics`: rows are copied from the last snapshot where nothing can have changed, else read from the
jobs' streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.state.accepted_spec import Objective as StatedObjective
from gridwatch.state.unreadable import DAMAGE
from gridwatch.streams.source import reads_log_apart, source_of, sources_of
from gridwatch.tables import rows, schemas
from gridwatch.tables.carrying import Former, curve_counts
from gridwatch.tables.curves import Objective, drop_echoes, mark_objectives, thin
from gridwatch.tables.facts import CurveCount, Point, Stamp, TrialFacts
from gridwatch.tables.parquet import DamagedTableError, carry, write_parquet
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.rules.objective import spellings
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.source import TensorSource
from snapshot_experiment.curves import CurveReader

if TYPE_CHECKING:
    import duckdb

OpenTensors = Callable[[str, JobRecord | None], TensorSource]  # from a job's name and its record, if there is one


@dataclass(frozen=True, slots=True)
class LogStreams:
    """The metrics in jobs' logs, and whether a log was read to its end once its job was over."""

    open: Callable[[str], TensorSource]  # from a job's name
    is_closed: Callable[[str], bool]


class CurveTable:
    """Writes the table `metrics` of one experiment; afterwards it has `counts` by trial_id, and what was `damaged`.

    A job that was over, and whose curves were read to their end, is not read again: its rows are copied from the
    `former` table. So the curves stay when the tensors expire. When the time is up, no further job is read: the rest
    keep the rows that they had, and `unread` has their names for the next call, which finds more of the others settled.
    """

    def __init__(
        self,
        open_tensors: OpenTensors,
        facts: Sequence[TrialFacts],
        stamp: Stamp,
        objective: StatedObjective | None,
        logs: LogStreams | None = None,
        *,
        time_is_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._open_tensors = open_tensors
        self._time_is_up = time_is_up
        self._logs = logs
        # Without a status SageMaker never had the job, so that there are no tensors.
        self._facts = [each for each in facts if each.trial.status is not None]
        self._stamp = stamp
        self._objectives = [_objective(each, objective) for each in self._facts]
        self._repeating = [each.job.job_name for each in self._facts if each.job and each.job.log_repeats_hook]
        self._complete: dict[str, bool] = {}
        self.counts: Mapping[str, CurveCount] = {}
        self.damaged: list[str] = []
        self.unread: list[str] = []

    def write(self, path: Path, former: Former) -> int:
        """Write the table and return the number of rows. A transient failure while reading is raised: the snapshot is
        tried again.
        """
        try:
            count = self._write(path, former)
        except DamagedTableError as error:  # it counts as absent, and everything is read again
            self.damaged.append(str(error))
            count = self._write(path, Former())
        found = curve_counts(path, maximizing={each.job_name for each in self._objectives if each.maximize})
        nothing = CurveCount(points=0, complete=False)
        trials = [each.trial for each in self._facts]
        self.counts = {
            trial.trial_id: replace(found.get(trial.job_name, nothing), complete=self._complete[trial.job_name])
            for trial in trials
        }
        return count

    def _write(self, path: Path, former: Former) -> int:
        finished = {each.trial.job_name for each in self._facts if each.trial.state.is_finished}
        settled = former.settled_jobs & finished
        self._complete = dict.fromkeys(settled, True)
        unsettled = [each for each in self._facts if each.trial.job_name not in settled]
        # Those that are over first: they are read once, so that each call leaves fewer to the next.
        unsettled.sort(key=lambda each: (not each.trial.state.is_finished, each.trial.job_name in former.jobs))
        carried = former.carry(settled, self._stamp)
        self.unread = []

        def finish(connection: duckdb.DuckDBPyConnection) -> None:
            kept = former.carry(former.jobs.intersection(self.unread), self._stamp)
            if kept is not None:
                carry(connection, schemas.METRICS, kept)
            self._finish(connection)

        return write_parquet(schemas.METRICS, self._rows(unsettled), path, carried, finish)

    def _finish(self, connection: duckdb.DuckDBPyConnection) -> None:
        drop_echoes(connection, self._repeating)
        mark_objectives(connection, self._objectives)
        thin(connection)

    def _rows(self, facts: Sequence[TrialFacts]) -> Iterator[rows.Row]:
        for each in facts:
            if self._time_is_up():
                self.unread.append(each.trial.job_name)
                self._complete[each.trial.job_name] = False
                continue
            yield from rows.metric_rows(each.trial, self._points(each.trial, each.job), self._stamp)

    def _points(self, trial: TrialRecord, job: JobRecord | None) -> Iterator[Point]:
        names: set[str] = set()
        self._complete[trial.job_name] = True
        for source in sources_of(job) if job is not None else (MetricSource.HOOK,):
            for point in self._points_of(trial, job, source):
                names.add(point.name)
                yield point
        if job is not None and self._logs is not None and reads_log_apart(job):
            self._complete[trial.job_name] &= not trial.state.is_finished or self._logs.is_closed(trial.job_name)
        yield from _final_points(trial, names)

    def _points_of(self, trial: TrialRecord, job: JobRecord | None, source: MetricSource) -> Iterator[Point]:
        logs = self._logs if source is MetricSource.LOG else None
        if source is MetricSource.LOG and logs is None:
            return
        reader, complete = None, False
        try:
            opened = logs.open(trial.job_name) if logs else self._open_tensors(trial.job_name, job)
            reader = CurveReader(opened, ended=trial.state.is_finished, of=source)
            yield from reader.points()
            complete = reader.complete
        except (PermanentError, *DAMAGE) as error:
            # A watched job's tensors may lie where Gridwatch may not read. And whatever else is wrong with one trial
            # must not keep the others from the tables.
            self.damaged.append(f"{trial.job_name}: {error}")
        if reader is not None and reader.damage:
            self.damaged.append(str(reader.damage))
        self._complete[trial.job_name] &= complete


def _final_points(trial: TrialRecord, names: set[str]) -> Iterator[Point]:
    """Metrics of which only the last value exists, such as those of built-in algorithms."""
    for name, value in sorted(trial.final_metrics.items()):
        if names.isdisjoint(spellings(name)):
            yield Point(name, "GLOBAL", 0, float(value), trial.ended_at, source=MetricSource.SAGEMAKER)


def _objective(facts: TrialFacts, objective: StatedObjective | None) -> Objective:
    """The job's objective: where there are several algorithms, each may have its own."""
    job, metric = facts.job, objective.metric if objective else ""
    if job is not None and job.algorithm is not None:
        metric = job.objective_metric
    source = source_of(job, metric) if job is not None else MetricSource.HOOK
    return Objective(
        facts.trial.job_name, metric, source, objective is not None and objective.maximize,
        repeated=job is not None and job.log_repeats_hook,
    )  # fmt: skip
