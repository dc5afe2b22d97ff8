"""Collects what is known of a job to tell what a stop of it saves: its records, its tensors, the prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.savings import Restart, SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.estimate import RunningJob, estimate
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.progress import Progress, read_progress
from gridwatch.state.store import StateStore
from gridwatch.streams.source import reads_log_apart
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import GridwatchError
from gridwatch_rules.tensors.source import TensorSource

OpenTensors = Callable[[JobRecord], TensorSource]
KNOWN_FOR = timedelta(minutes=1)
LARGE = 100  # trials; a smaller grid costs one request, and of its few completed trials each counts
_EXPERIMENTS = 4  # that are remembered: 10,000 trials of one take some 20 MB


@dataclass(frozen=True, slots=True)
class Siblings:
    """The completed trials of experiments, read again after a minute: many stops of one experiment come together, and
    each would read the whole grid.
    """

    store: StateStore
    clock: Clock
    known: dict[str, tuple[datetime, Sequence[TrialRecord]]] = field(default_factory=dict)

    def of(self, experiment: str) -> Sequence[TrialRecord]:
        now = self.clock.now()
        read_at, found = self.known.pop(experiment, (now, None))
        if found is None or now - read_at >= KNOWN_FOR:
            every = self.store.list_trials(experiment)
            read_at, found = now, [trial for trial in every if trial.state is TrialState.COMPLETED]
            if len(every) < LARGE:
                return found
        self.known[experiment] = read_at, found
        while len(self.known) > _EXPERIMENTS:
            self.known.pop(next(iter(self.known)))
        return found


@dataclass(frozen=True, slots=True)
class Sparing:
    store: StateStore
    open_tensors: OpenTensors
    prices: PriceTable
    open_log: OpenTensors | None = None  # what a job's log says of its metrics
    known: Siblings | None = None  # read for earlier stops

    def of(
        self, job: JobRecord, description: JobDescription, *, step: int | None, at: datetime
    ) -> SavingsRecord | None:
        """What a stop at that moment saves; None for a job that has not begun. `step`: the finding's, for jobs whose
        tensors say nothing.
        """
        restart = restart_of(description)
        running = RunningJob(
            started_at=description.started_at,
            step=step,
            hyperparameters=job.hyperparameters or description.hyperparameters,
            max_runtime_seconds=description.max_runtime_seconds,
            instance_type=description.instance_type,
            instance_count=description.instance_count,
            siblings=cache(lambda: self._siblings(job.experiment)),
            progress=progress_of(job, self.open_tensors, self.open_log, restart),
            further_machines=description.further_machines,
            spot=description.spot,
        )
        found = estimate(running, self.prices, at)
        return None if found is None else replace(found, restart=restart)

    def _siblings(self, experiment: str) -> Sequence[TrialRecord]:
        return self.known.of(experiment) if self.known is not None else self.store.list_trials(experiment)


def restart_of(description: JobDescription) -> Restart | None:
    """The last time that the job began again; None for one that did not."""
    if description.began_again_at is None:
        return None
    return Restart(at=description.began_again_at, resumes=description.keeps_checkpoints)


def progress_of(
    job: JobRecord,
    open_tensors: OpenTensors,
    open_log: OpenTensors | None = None,
    restart: Restart | None = None,
) -> Progress | None:
    """How far the job has come by what it saved or printed, on one of these axes. None when that is not known or cannot
    be read: a missing figure must not keep people from being told.
    """
    logged, apart = [metric.name for metric in job.log_metrics], reads_log_apart(job)
    # What the hook saved under names that the log has too, as Gridwatch's XGBoost script does, are steps and no lines.
    opened = [(open_tensors, [] if apart else logged)]
    if open_log is not None and apart:
        opened.append((open_log, logged))
    found = [progress for each, lines in opened if (progress := _read(job, each, lines, restart)) is not None]
    return max(found, key=lambda each: (each.assumed is None, each.newest.done), default=None)


def _read(job: JobRecord, opened: OpenTensors, logged: Sequence[str], restart: Restart | None) -> Progress | None:
    try:
        return read_progress(opened(job), job.hyperparameters, job.objective_metric, logged, restart)
    except (OSError, ValueError, GridwatchError):
        return None
