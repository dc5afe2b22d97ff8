"""Finds the trial that a person names, and flattens trials into rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.cli.errors import CliError
from gridwatch.cli.every_trial import trials_of
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import StateStore

# The columns that `flat` gives each trial.
OF_EACH = frozenset({
    "experiment", "trial", "index", "job_name", "state", "owner", "team", "instance_type", "training_seconds",
    "billable_seconds", "started_at", "ended_at",
})  # fmt: skip
_LEAST = 4  # characters of a trial's id that are enough to look for it


@dataclass(frozen=True, slots=True)
class Found:
    """A trial with its experiment; `job_name` is that of the attempt that was asked for."""

    experiment: ExperimentRecord
    trial: TrialRecord
    job_name: str


def find_trial(store: StateStore, text: str) -> Found:
    """The trial named by a job's name, by its id or the beginning of one, or by `<experiment>/<place or id>`. Raises
    CliError.
    """
    job = store.get_job(text)
    if job is not None:
        experiment, trial = store.get_experiment(job.experiment), store.get_trial(job.experiment, job.trial_id)
        if experiment is None or trial is None:
            raise CliError(f"the job {text!r} belongs to no experiment that is on record")
        return Found(experiment, trial, text)
    name, slash, wanted = text.rpartition("/")
    if slash:
        named = store.get_experiment(name)
        if named is None:
            raise CliError(f"there is no experiment {name!r} (`gridwatch experiments` lists them)")
        return _one(text, [(named, trial) for trial in store.list_trials(name) if _is_meant(trial, wanted)])
    if len(wanted) < _LEAST:
        raise CliError(f"{text!r} is too short for a trial's id: at least {_LEAST} characters of it")
    records = store.list_experiments()
    trials = trials_of(store, [record.name for record in records])
    every = ((record, trial) for record in records for trial in trials[record.name])
    return _one(text, [(record, trial) for record, trial in every if trial.trial_id.startswith(wanted)])


def _is_meant(trial: TrialRecord, wanted: str) -> bool:
    by_id = len(wanted) >= _LEAST and trial.trial_id.startswith(wanted)
    return by_id or (wanted.isdecimal() and len(wanted) < _LEAST and trial.index == int(wanted))


def _one(text: str, found: list[tuple[ExperimentRecord, TrialRecord]]) -> Found:
    if not found:
        raise CliError(
            f"there is no trial {text!r}: name a training job, a trial's id, or <experiment>/<place in the grid> "
            "(`gridwatch status EXPERIMENT` lists them)"
        )
    if len(found) > 1:
        names = ", ".join(f"{record.name}/{trial.trial_id}" for record, trial in found[:5])
        raise CliError(f"{text!r} is how {len(found)} trials begin: {names}{', …' if len(found) > 5 else ''}")
    record, trial = found[0]
    return Found(record, trial, trial.job_name)


def flat(record: ExperimentRecord, trial: TrialRecord) -> Mapping[str, Any]:
    """One row of everything that a trial can be searched by: hyperparameters and metrics by name, tags as `tag.<name>`.

    Where names collide, the trial's own wins, then hyperparameters, then metrics.
    """
    labels = spec_of(record).labels
    seconds = (trial.ended_at - trial.started_at).total_seconds() if trial.started_at and trial.ended_at else None
    return {
        **{f"tag.{name}": value for name, value in (labels.tags or {}).items()},
        **trial.final_metrics,
        **trial.hyperparameters,
        "experiment": trial.experiment,
        "trial": trial.trial_id,
        "index": trial.index,
        "job_name": trial.job_name,
        **({"algorithm": trial.algorithm} if trial.algorithm is not None else {}),
        "state": trial.state.value,
        "owner": labels.owner,
        "team": labels.team,
        "instance_type": trial.instance_type,
        "training_seconds": seconds,
        "billable_seconds": trial.billable_seconds,
        "started_at": trial.started_at,
        "ended_at": trial.ended_at,
    }
