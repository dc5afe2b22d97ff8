"""Puts the trial components that a trial shares with others into SageMaker's trial: what its experiment is made of, and
the jobs that prepared its data. It is tried when the job begins, and again for the rest when it is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gridwatch.domain.trials import TrialRecord
from gridwatch.grid.names import trial_entity
from gridwatch.launch.ports import TrainingService
from gridwatch.state.store import ConflictError, StateStore
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotYetError, PermanentError, TransientError


@dataclass(frozen=True, slots=True)
class Linked:
    """The components that have been put into the trial, and those that were not, with the reason."""

    linked: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linker:
    store: StateStore
    training: TrainingService
    clock: Clock
    name_prefix: str

    def link(self, job_name: str, *, begins: bool) -> Linked:
        """Put components into a trial; repeating it changes nothing. Raises TransientError when the job is over, so
        that the event comes again.
        """
        job = self.store.get_job(job_name)
        if job is None or not job.components:
            return Linked()
        trial = self.store.get_trial(job.experiment, job.trial_id)
        if trial is None or trial.job_name != job_name or not (begins or trial.state.is_finished):
            return Linked()
        found = self._put(trial, [name for name in job.components if name not in trial.components])
        if found.linked:
            after = replace(trial, components=(*trial.components, *found.linked), updated_at=self.clock.now())
            with suppress(ConflictError):  # then it is put there once more, which changes nothing
                self.store.update_trial(after, expected=trial)
        return found

    def _put(self, trial: TrialRecord, names: Sequence[str]) -> Linked:
        entity = trial_entity(self.name_prefix, trial.experiment, trial.trial_id)
        linked, missing = [], {}
        for name in names:
            try:
                self.training.add_component(entity, name)
            except TransientError as error:
                if trial.state.is_finished:
                    raise
                missing[name] = str(error)
            except (NotYetError, PermanentError) as error:
                missing[name] = str(error)
            else:
                linked.append(name)
        return Linked(tuple(linked), missing)
