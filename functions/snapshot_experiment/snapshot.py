"""One snapshot: read everything known about an experiment, write its tables, say what was left out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from gridwatch.alerts.digest import is_over
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.failures import NotFoundError, PermanentError
from gridwatch.state.records import ExperimentRecord, TrialRecord
from gridwatch.state.store import StateStore
from gridwatch.storage import layout
from gridwatch.tables import history_rows, rows, schemas
from gridwatch.tables.facts import CurveCount, ExperimentFacts, Point, Stamp, TrialFacts
from gridwatch.tables.parquet import write_parquet
from gridwatch.tensors.source import TensorSource
from snapshot_experiment.curves import CurveReader

# A snapshot reads before it writes, at most as long as a Lambda function may run: a change within that time before an
# object was written may have come too late for it.
_LONGEST_SNAPSHOT = timedelta(minutes=15)


class TableBucket(Protocol):
    """Where tables lie. An object is replaced whole: a reader sees the old one or the new one."""

    def put(self, key: str, path: Path) -> None: ...

    def written_at(self, prefix: str) -> Mapping[str, datetime]:
        """When each object under the prefix was written, by key."""
        ...


class Reports(Protocol):
    """Where the page about an experiment goes, made of the tables that were just written."""

    def publish(self, record: ExperimentRecord, find: Callable[[str], Path]) -> str: ...


OpenTensors = Callable[[str], TensorSource]  # from a job's name


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What one snapshot wrote; `damaged` has the tensor files that could not be read, with the reason."""

    experiment: str
    snapshot_id: str
    row_counts: Mapping[str, int]
    complete: bool
    damaged: tuple[str, ...]


class UnknownExperimentError(NotFoundError):
    """Nothing is recorded under this name."""


class SnapshotWriter:
    """Takes snapshots of experiments out of the store and their jobs' tensors."""

    def __init__(
        self, store: StateStore, open_tensors: OpenTensors, bucket: TableBucket, alerts: AlertOutbox, reports: Reports
    ) -> None:
        self._store = store
        self._open_tensors = open_tensors
        self._bucket = bucket
        self._alerts = alerts
        self._reports = reports

    def take(self, experiment: str, stamp: Stamp) -> SnapshotReport:
        """Write all tables of an experiment. Raises UnknownExperimentError; a failure while reading changes nothing."""
        record = self._store.get_experiment(experiment)
        if record is None:
            raise UnknownExperimentError(f"no experiment {experiment!r} is recorded")
        trials = self._store.list_trials(experiment)
        try:
            with tempfile.TemporaryDirectory(prefix="snapshot-") as folder:
                return self._take(record, trials, stamp, Path(folder))
        finally:
            # How it ended is told when its tables are there, and also when they cannot be made.
            if is_over(record, trials):
                self._alerts.ask_digest(experiment)

    def changed_experiments(self) -> Iterable[str]:
        """Experiments that may have changed since their last snapshot read them, the longest waiting first."""
        written = self._bucket.written_at(f"{layout.TABLE_PREFIX}{schemas.EXPERIMENTS.name}/")
        waiting = []
        for record in self._store.list_experiments():
            at = written.get(layout.table_key(schemas.EXPERIMENTS.name, record.name))
            changed = max([record.updated_at, *(trial.updated_at for trial in self._store.list_trials(record.name))])
            if at is None or changed > at - _LONGEST_SNAPSHOT:
                waiting.append((changed, record.name))
        return [name for _, name in sorted(waiting)]

    def _take(
        self, record: ExperimentRecord, recorded: Sequence[TrialRecord], stamp: Stamp, folder: Path
    ) -> SnapshotReport:
        trials = tuple(self._trial_facts(trial) for trial in recorded)
        curves = _Curves(self._open_tensors, recorded, stamp)
        counts = {schemas.METRICS.name: write_parquet(schemas.METRICS, curves.rows(), folder / schemas.METRICS.name)}
        facts = ExperimentFacts(record=record, trials=trials, curves=curves.counts)
        for table, its_rows in _tables(facts, stamp, counts):
            counts[table.name] = write_parquet(table, its_rows, folder / table.name)
        # Everything is made before anything is put, so that a failure while reading changes no table;
        # `experiments` comes last, so that what it calls complete is there.
        for table in schemas.TABLES:
            self._bucket.put(layout.table_key(table.name, record.name), folder / table.name)
        if is_over(record, recorded):
            self._reports.publish(record, lambda table: folder / table)
        return SnapshotReport(record.name, stamp.snapshot_id, counts, facts.complete, tuple(curves.damaged))

    def _trial_facts(self, trial: TrialRecord) -> TrialFacts:
        job = self._store.get_job(trial.job_name)
        return TrialFacts(
            trial=trial,
            job=job,
            evaluations=tuple(self._store.list_rule_evaluations(trial.job_name)),
            reactions=tuple(self._store.list_reactions(trial.job_name)),
        )


class _Curves:
    """The rows of `metrics`, made while they are written, so that a million points need not lie in memory."""

    def __init__(self, open_tensors: OpenTensors, trials: Iterable[TrialRecord], stamp: Stamp) -> None:
        self._open_tensors = open_tensors
        self._trials = trials
        self._stamp = stamp
        self.counts: dict[str, CurveCount] = {}
        self.damaged: list[str] = []

    def rows(self) -> Iterator[rows.Row]:
        for trial in self._trials:
            if trial.status is not None:  # SageMaker has had the job, so there may be tensors
                yield from rows.metric_rows(trial, self._points(trial), self._stamp)

    def _points(self, trial: TrialRecord) -> Iterator[Point]:
        reader = CurveReader(self._open_tensors(trial.job_name), ended=trial.state.is_finished)
        count, complete = 0, False
        try:
            for point in reader.points():
                count += 1
                yield point
            complete = reader.complete
        except PermanentError as error:  # a watched job's tensors may lie where Gridwatch may not read
            self.damaged.append(f"{trial.job_name}: {error}")
        self.counts[trial.trial_id] = CurveCount(points=count, complete=complete)
        if reader.damage:
            self.damaged.append(str(reader.damage))


def _tables(
    facts: ExperimentFacts, stamp: Stamp, counts: Mapping[str, int]
) -> Iterator[tuple[schemas.Table, Iterable[rows.Row]]]:
    """All but `metrics`. `counts` fills while the tables are written: `experiments` comes last and tells them."""
    yield schemas.TRIALS, rows.trial_rows(facts, stamp)
    yield schemas.PARAMETERS, rows.parameter_rows(facts, stamp)
    yield schemas.FINAL_METRICS, rows.final_metric_rows(facts, stamp)
    yield schemas.RULE_EVALUATIONS, rows.rule_evaluation_rows(facts, stamp)
    yield schemas.FINDINGS, rows.finding_rows(facts, stamp)
    yield schemas.ARTIFACTS, history_rows.artifact_rows(facts, stamp)
    yield schemas.EVENTS, history_rows.event_rows(facts, stamp)
    yield schemas.EXPERIMENTS, [rows.experiment_row(facts, stamp, counts)]
