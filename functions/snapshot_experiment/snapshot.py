"""Takes one snapshot: reads everything known about an experiment, writes its tables, says what was left out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from gridwatch.alerts.digest import is_over
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.launch.entities import sagemaker_experiments
from gridwatch.savings.prices import PriceTable
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.counting import correct
from gridwatch.state.job_records import records_of_trials
from gridwatch.state.open_experiments import close, enlist, open_experiments
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import Isolation, if_readable
from gridwatch.storage import layout
from gridwatch.tables import history_rows, rows, schemas
from gridwatch.tables.carrying import Former
from gridwatch.tables.facts import ExperimentFacts, Stamp, TrialFacts
from gridwatch.tables.parquet import write_parquet
from gridwatch_rules.failures import NotFoundError
from snapshot_experiment.curve_table import CurveTable, LogStreams, OpenTensors
from snapshot_experiment.proving import prove
from snapshot_experiment.searching import SearchReader
from snapshot_experiment.settling import Settler

# A snapshot reads before it writes, at most as long as a Lambda function may run: a change within that time before an
# object was written may have come too late for it.
_LONGEST_SNAPSHOT = timedelta(minutes=15)


class TableBucket(Protocol):
    """The bucket of the tables. An object is replaced whole: a reader sees the old one or the new one."""

    def put(self, key: str, path: Path) -> None: ...

    def get(self, key: str, path: Path) -> bool:
        """Fetch an object into a file; False when there is none."""
        ...

    def written_at(self, prefix: str) -> Mapping[str, datetime]:
        """When each object under the prefix was written, by key."""
        ...


class Reports(Protocol):
    """The port to which the page about an experiment is published, made from the tables just written."""

    def publish(self, record: ExperimentRecord, find: Callable[[str], Path]) -> str: ...


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What one snapshot wrote; `damaged` has what could not be read of tensors and of stops, with the reason."""

    experiment: str
    snapshot_id: str
    row_counts: Mapping[str, int]
    complete: bool
    damaged: tuple[str, ...]
    search_error: str | None = None
    unread: int = 0  # jobs whose curves or stops another call has to look at: there was no time


class UnknownExperimentError(NotFoundError):
    """Nothing is recorded under this name."""


class SnapshotWriter:
    """Takes snapshots of experiments from the store and their jobs' tensors."""

    def __init__(
        self,
        *,
        store: StateStore,
        open_tensors: OpenTensors,
        search: SearchReader,
        bucket: TableBucket,
        alerts: AlertOutbox,
        reports: Reports,
        prices: Callable[[], PriceTable] = PriceTable.built_in,
        logs: LogStreams | None = None,
    ) -> None:
        self._store = store
        self._search = search
        self._prices = prices
        self._open_tensors = open_tensors
        self._logs = logs
        self._bucket = bucket
        self._alerts = alerts
        self._reports = reports

    def take(self, experiment: str, stamp: Stamp, time_is_up: Callable[[], bool] = lambda: False) -> SnapshotReport:
        """Write all tables of an experiment. Raises UnknownExperimentError; a failure while reading changes nothing.

        When the time is up, no further job's curves are read: another call goes on.
        """
        record = self._store.get_experiment(experiment)
        if record is None:
            raise UnknownExperimentError(f"no experiment {experiment!r} is recorded")
        trials = self._store.list_trials(experiment)
        try:
            with tempfile.TemporaryDirectory(prefix="snapshot-") as folder:
                return self._take(record, trials, stamp, Path(folder), time_is_up)
        finally:
            # How it ended is told when its tables are there, and also when they cannot be made.
            if self._is_over(record, trials):
                self._alerts.ask_digest(experiment)

    def changed_experiments(self) -> Iterable[str]:
        """Open experiments that may have changed since their last snapshot, the longest waiting first.

        An experiment is closed once it is over and a snapshot has read all of it. Counts that differ from what its
        trials say are corrected.
        """
        waiting, isolation = [], Isolation()
        enlist(self._store)
        for record in open_experiments(self._store):
            with isolation.each(record.name):
                changed = self._changed(record)
                if changed is not None:
                    waiting.append((changed, record.name))
        # Of those that damage keeps from being compared, the snapshot says what is wrong.
        return [*(name for _, name in sorted(waiting)), *isolation.broken]

    def _changed(self, record: ExperimentRecord) -> datetime | None:
        """When the experiment last changed, if its tables may lack that; None closes it once it is over."""
        key = layout.table_key(schemas.EXPERIMENTS.name, record.name)
        at = self._bucket.written_at(key).get(key)
        known = if_readable(partial(self._store.get_counts, record.name))
        trials, tunings = self._store.list_trials(record.name), self._store.list_tunings(record.name)
        correct(self._store, record, known, trials)
        times = [*(trial.updated_at for trial in trials), *(tuning.updated_at for tuning in tunings)]
        changed = max([record.updated_at, *times])
        if at is None or changed > at - _LONGEST_SNAPSHOT:
            return changed
        if is_over(record, trials, tunings):
            close(self._store, record, trials)
        return None

    def _take(
        self,
        record: ExperimentRecord,
        recorded: Sequence[TrialRecord],
        stamp: Stamp,
        folder: Path,
        time_is_up: Callable[[], bool],
    ) -> SnapshotReport:
        settler = Settler(self._store, self._facts_of(recorded), self._open_tensors, self._logs, time_is_up)
        trials = settler.settle()
        over = self._is_over(record, recorded)
        names = sagemaker_experiments(self._store, record)
        answer = self._search.read(record.name, names, trials, stamp, folder)
        objective = spec_of(record).objective
        curves = CurveTable(self._open_tensors, trials, stamp, objective, self._logs, time_is_up=time_is_up)
        metrics = curves.write(folder / schemas.METRICS.name, self._former(record.name, folder))
        if over:
            proven = prove(self._store, recorded, folder / schemas.METRICS.name, objective, stamp.as_of)
            trials = tuple(replace(each, trial=trial) for each, trial in zip(trials, proven, strict=True))
        counts = {schemas.METRICS.name: metrics}
        facts = ExperimentFacts(
            record=record,
            trials=tuple(replace(each, component=answer.components.get(each.trial.training_job)) for each in trials),
            curves=curves.counts,
            prices=self._prices(),
            search_asked=answer.asked,
            search_error=answer.error,
        )
        for table, its_rows in _tables(facts, stamp, counts):
            counts[table.name] = write_parquet(table, its_rows, folder / table.name)
        # Everything is made before anything is put, so that a failure while reading changes no table;
        # `experiments` comes last, so that what it calls complete is there.
        for table in schemas.TABLES:
            self._bucket.put(layout.table_key(table.name, record.name), folder / table.name)
        if over:
            self._reports.publish(record, lambda table: folder / table)
        return SnapshotReport(
            record.name,
            stamp.snapshot_id,
            counts,
            facts.complete,
            (*curves.damaged, *(f"{trial}: {why}" for trial, why in settler.isolation.broken.items())),
            answer.error,
            len(curves.unread) + settler.left,
        )

    def _is_over(self, record: ExperimentRecord, trials: Sequence[TrialRecord]) -> bool:
        return is_over(record, trials, self._store.list_tunings(record.name))

    def _former(self, experiment: str, folder: Path) -> Former:
        """The last snapshot's tables, from which rows can be copied."""
        files = {}
        for table in (schemas.TRIALS, schemas.METRICS):
            path = folder / f"former-{table.name}"
            files[table.name] = path if self._bucket.get(layout.table_key(table.name, experiment), path) else None
        return Former(**files)

    def _facts_of(self, trials: Sequence[TrialRecord]) -> Sequence[TrialFacts]:
        found = records_of_trials(self._store, trials)
        return [
            TrialFacts(trial=trial, job=its.job, evaluations=its.evaluations, reactions=its.reactions)
            for trial in trials
            for its in [found[trial.job_name]]
        ]


def _tables(
    facts: ExperimentFacts, stamp: Stamp, counts: Mapping[str, int]
) -> Iterator[tuple[schemas.Table, Iterable[rows.Row]]]:
    """Every table but `metrics`. `counts` fills while the tables are written: `experiments` comes last and
    holds them.
    """
    yield schemas.TRIALS, rows.trial_rows(facts, stamp)
    yield schemas.PARAMETERS, rows.parameter_rows(facts, stamp)
    yield schemas.FINAL_METRICS, rows.final_metric_rows(facts, stamp)
    yield schemas.RULE_EVALUATIONS, rows.rule_evaluation_rows(facts, stamp)
    yield schemas.FINDINGS, rows.finding_rows(facts, stamp)
    yield schemas.ARTIFACTS, history_rows.artifact_rows(facts, stamp)
    yield schemas.EVENTS, history_rows.event_rows(facts, stamp)
    yield schemas.EXPERIMENTS, [rows.experiment_row(facts, stamp, counts)]
