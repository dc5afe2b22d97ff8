"""The table `metrics`: carried over from the last snapshot where nothing can have changed, else read from tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gridwatch.failures import PermanentError
from gridwatch.state.records import TrialRecord
from gridwatch.state.unreadable import DAMAGE
from gridwatch.tables import rows, schemas
from gridwatch.tables.carrying import Former, curve_counts
from gridwatch.tables.facts import CurveCount, Point, Stamp
from gridwatch.tables.parquet import DamagedTableError, write_parquet
from gridwatch.tensors.source import TensorSource
from snapshot_experiment.curves import CurveReader

OpenTensors = Callable[[str], TensorSource]  # from a job's name


class CurveTable:
    """Writes `metrics` of one experiment; then `counts` by trial_id, and what was `damaged`.

    A job that was over, and whose curves were read to their end, is not read again: its rows are copied from the
    `former` table. So the curves stay when the tensors expire.
    """

    def __init__(self, open_tensors: OpenTensors, trials: Sequence[TrialRecord], stamp: Stamp) -> None:
        self._open_tensors = open_tensors
        # Without a status SageMaker never had the job, so that there are no tensors.
        self._trials = [trial for trial in trials if trial.status is not None]
        self._stamp = stamp
        self._complete: dict[str, bool] = {}
        self.counts: Mapping[str, CurveCount] = {}
        self.damaged: list[str] = []

    def write(self, path: Path, former: Former, objective: str | None, direction: str | None) -> int:
        """Returns the number of rows. A transient failure while reading is raised: the snapshot is tried again."""
        try:
            count = self._write(path, former)
        except DamagedTableError as error:  # it counts as absent, and everything is read again
            self.damaged.append(str(error))
            count = self._write(path, Former())
        found = curve_counts(path, objective, maximize=direction == "maximize")
        nothing = CurveCount(points=0, complete=False)
        self.counts = {
            trial.trial_id: replace(found.get(trial.job_name, nothing), complete=self._complete[trial.job_name])
            for trial in self._trials
        }
        return count

    def _write(self, path: Path, former: Former) -> int:
        settled = former.settled_jobs & {trial.job_name for trial in self._trials if trial.state.is_finished}
        self._complete = dict.fromkeys(settled, True)
        unsettled = [trial for trial in self._trials if trial.job_name not in settled]
        return write_parquet(schemas.METRICS, self._rows(unsettled), path, former.carry(settled, self._stamp))

    def _rows(self, trials: Sequence[TrialRecord]) -> Iterator[rows.Row]:
        for trial in trials:
            yield from rows.metric_rows(trial, self._points(trial), self._stamp)

    def _points(self, trial: TrialRecord) -> Iterator[Point]:
        self._complete[trial.job_name] = False
        reader = None
        try:
            reader = CurveReader(self._open_tensors(trial.job_name), ended=trial.state.is_finished)
            yield from reader.points()
            self._complete[trial.job_name] = reader.complete
        except (PermanentError, *DAMAGE) as error:
            # A watched job's tensors may lie where Gridwatch may not read. And whatever else is wrong with one trial
            # must not keep the others from the tables.
            self.damaged.append(f"{trial.job_name}: {error}")
        if reader is not None and reader.damage:
            self.damaged.append(str(reader.damage))
