"""How often the jobs of a round are looked at; what earlier trials took is read once for an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.paces import Pacing, log_of
from gridwatch.launch.profiler import CONFIG_KEY as PROFILER_KEY
from gridwatch.pace import Pace
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import StateStore
from gridwatch_rules.clock import Clock

KNOWN_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """Computes paces. `known`: by experiment what its trials took, and when that was read; kept between invocations."""

    store: StateStore
    clock: Clock
    pacing: Pacing
    known: dict[str, tuple[datetime, Sequence[float]]] = field(default_factory=dict)

    def of(self, trial: TrialRecord, experiment: ExperimentRecord, job: JobRecord) -> Pace:
        """The pace of a job. `job` is the record that is about to be written of it."""
        template = experiment.template
        return self.pacing.of(
            trial,
            longest=template.get("StoppingCondition", {}).get("MaxRuntimeInSeconds"),
            took=() if self.pacing.bounds.free else self._took(trial.experiment),
            spot=bool(template.get("EnableManagedSpotTraining")),
            watching=spec_of(experiment).watching,
            log=log_of(job),
            profiled=PROFILER_KEY in template.get("Environment", {}),
        )

    def _took(self, experiment: str) -> Sequence[float]:
        now = self.clock.now()
        read_at, took = self.known.get(experiment, (None, ()))
        if read_at is None or now - read_at > KNOWN_FOR:
            took = [
                (trial.ended_at - trial.started_at).total_seconds()
                for trial in self.store.list_trials(experiment)
                if trial.state is TrialState.COMPLETED and trial.started_at and trial.ended_at
            ]
            self.known[experiment] = now, took
        return took
