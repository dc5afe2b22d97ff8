"""Puts a trial into SageMaker Experiments: into an experiment of the same name, and into further ones when that is
full.

SageMaker accepts 300 trials in an experiment (a quota that an account can have raised), so Gridwatch tries rather than
counts. Nothing here keeps a trial from training: one that cannot be tracked trains all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gridwatch.domain.experiments import ExperimentRecord, TrackingRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.grid.names import experiment_entity, further_entity
from gridwatch.launch.entities import is_further_of_another
from gridwatch.launch.metadata import components_of, metadata_of
from gridwatch.launch.ports import TrainingService
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import UnreadableRecordError
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotYetError, PermanentError, TransientError

T = TypeVar("T")

ATTEMPTS = 3  # of one call that is throttled or fails in passing
_RESERVE = 5.0  # seconds of the invocation that are left for the job itself
_MAX_FURTHER = 999


@dataclass(frozen=True, slots=True)
class Tracked:
    """A trial's place in SageMaker Experiments. `config` is None when the job is to be created without one."""

    config: Mapping[str, str] | None = None
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """Tracks trials. `untracked`: jobs that SageMaker lists in no experiment, and why. `undescribed`: components
    describing an experiment that could not be made, and why.
    """

    store: StateStore
    training: TrainingService
    clock: Clock
    name_prefix: str
    experiments_bucket: str
    artifacts_bucket: str
    seconds_left: Callable[[], float]
    untracked: dict[str, str] = field(default_factory=dict)
    undescribed: dict[str, str] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)  # experiments that are not tried again, and why
    _records: dict[str, TrackingRecord] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)  # experiments that SageMaker is known to have
    _components: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # by experiment and upload

    def tracked(self, trial: TrialRecord, record: ExperimentRecord, config: Mapping[str, str] | None) -> Tracked:
        """The job's ExperimentConfig with the experiment that its trial is in, both of which then exist, and the
        components that the trial is to have. None of them when SageMaker does not track it, or its spec opts out.
        """
        if config is None:
            return Tracked()
        reason = self._refused.get(trial.experiment)
        if reason is None:
            try:
                name = self._place(trial, config["TrialName"])
                return Tracked({**config, "ExperimentName": name}, self._described(record, name))
            except TransientError as error:
                reason = str(error)  # of this trial alone: the next may fare better
            except (NotYetError, PermanentError, ConflictError, UnreadableRecordError) as error:
                reason = self._refused[trial.experiment] = str(error)
        self.untracked[trial.job_name] = reason
        return Tracked()

    def _described(self, record: ExperimentRecord, name: str) -> tuple[str, ...]:
        """The components of the trials in that experiment. The one that describes them all then exists, unless making
        it failed.
        """
        known = self._components.get((name, record.spec_version))
        if known is not None:
            return known
        metadata = metadata_of(
            record, experiments_bucket=self.experiments_bucket, artifacts_bucket=self.artifacts_bucket
        )
        names = components_of(record, name, metadata)
        try:
            self._asked(lambda: self.training.ensure_component(names[0], metadata))
        except TransientError as error:
            self.undescribed[names[0]] = str(error)
            return names  # the next trial tries again
        except (NotYetError, PermanentError) as error:
            self.undescribed[names[0]] = str(error)
        self._components[name, record.spec_version] = names
        return names

    def _place(self, trial: TrialRecord, entity: str) -> str:
        record = self._records.get(trial.experiment) or self._read(trial.experiment)
        name = self._existing(record.entities[-1])
        try:
            return self._asked(lambda: self.training.ensure_trial(name, entity))
        except NotYetError:
            record = self._opened(record)
        further = self._existing(record.entities[-1])
        return self._asked(lambda: self.training.ensure_trial(further, entity))

    def _existing(self, name: str) -> str:
        """The experiment, which then exists in SageMaker."""
        if name not in self._made:
            self._asked(lambda: self.training.ensure_experiment(name))
            self._made.add(name)
        return name

    def _read(self, experiment: str) -> TrackingRecord:
        first = experiment_entity(self.name_prefix, experiment)
        record = self.store.get_tracking(experiment)
        if record is None:
            record = TrackingRecord(experiment=experiment, entities=(first,), updated_at=self.clock.now())
            if is_further_of_another(self.store, experiment, first):
                record = self._opened(replace(record, entities=()))
        self._records[experiment] = record
        return record

    def _opened(self, record: TrackingRecord) -> TrackingRecord:
        """The record with a further experiment, saved before any trial is in it, so that readers miss none."""
        now = self.clock.now()
        wider = replace(record, entities=(*record.entities, self._free(record)), updated_at=now)
        try:
            kept = self.store.save_tracking(wider)
        except ConflictError:  # another launcher has opened one
            kept = self.store.get_tracking(record.experiment) or wider
        self._records[record.experiment] = kept
        return kept

    def _free(self, record: TrackingRecord) -> str:
        """The next name that is not that of another spec's experiment."""
        first = experiment_entity(self.name_prefix, record.experiment)
        for number in range(len(record.entities) + 1 if record.entities else 2, _MAX_FURTHER + 1):
            name = further_entity(first, number)
            other = name.removeprefix(f"{self.name_prefix}-")
            if name not in record.entities and self.store.get_experiment(other) is None:
                return name
        raise PermanentError(f"no name is left for a further experiment of {first}")

    def _asked(self, call: Callable[[], T]) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return call()
            except TransientError:
                if attempt + _RESERVE > self.seconds_left():
                    raise
                self.clock.sleep(float(attempt))
        return call()
