"""Makes the training jobs of a tuning job trials of its experiment.

SageMaker launches them and names them after the tuning job, whose tags they bear: "Tags that you specify for the tuning
job are also added to all training jobs that the tuning job launches" (API reference, CreateHyperParameterTuningJob). So
the first news of such a job tells whose it is, and its hyperparameters are those that the tuner chose. Which of several
algorithms it is of, neither its news nor its description tells: the tuning job's list does (TrainingJobDefinitionName).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.experiments import ExperimentRecord, TuningRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.hook import log_repeats_hook
from gridwatch.launch.observation import state_of
from gridwatch.launch.paces import Pacing, log_of
from gridwatch.launch.ports import TrainingService
from gridwatch.launch.request import EXPERIMENT_TAG, PREFIX_TAG
from gridwatch.launch.tuning import TUNING_TAG
from gridwatch.launch.tuning_ports import TuningService
from gridwatch.launch.watching import paced_records
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import StateStore
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError

OBJECTIVE = "_tuning_objective_metric"  # the hyperparameter by which a job is told what the tuner looks at
_OF_SAGEMAKER = ("sagemaker_", "_tuning_")
_NUMBER = re.compile(r"-(\d{3,})-[0-9a-f]{8}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedJobs:
    """Writes down which tuning job a training job belongs to. Implements `gridwatch.launch.tracking.Enroller`."""

    store: StateStore
    training: TrainingService
    tuning: TuningService
    clock: Clock
    name_prefix: str
    pacing: Pacing | None = None

    def enrol(self, news: JobDescription) -> JobRecord | None:
        tuning_job, name = news.tags.get(TUNING_TAG, ""), news.tags.get(EXPERIMENT_TAG, "")
        if news.tags.get(PREFIX_TAG) != self.name_prefix or not news.job_name.startswith(f"{tuning_job}-"):
            return None
        # A tag is quickly written: only what this deployment has created is taken at its word.
        experiment = self.store.get_experiment(name)
        tuning = self.store.get_tuning(name, tuning_job) if tuning_job and experiment is not None else None
        if experiment is None or tuning is None:
            return None
        try:
            described = self.training.describe_job(news.job_name)
        except NotFoundError:
            return None  # deleted since
        algorithm = self._algorithm(news.job_name, tuning)
        trial = replace(tuned_trial(described, experiment, self.clock.now()), algorithm=algorithm)
        job = _job(described, trial, experiment, tuning_job)
        if self.pacing is not None:
            watching = spec_of(experiment).watching
            longest, log = described.max_runtime_seconds, log_of(job)
            pace = self.pacing.of(trial, longest=longest, watching=watching, log=log)
            trial, job = paced_records(trial, job, pace)
        self.store.add_trials([trial])
        self.store.put_job(job)
        return job

    def _algorithm(self, job_name: str, tuning: TuningRecord) -> str | None:
        """The algorithm of a job; None also for a job that the list does not have yet: `TuningTracker.complete` records
        it later.
        """
        definitions = tuning.request.get("TrainingJobDefinitions", ())
        if len(definitions) < 2:
            return next((str(each["DefinitionName"]) for each in definitions), None)
        listed = self.tuning.tuned_jobs(tuning.name)
        return next((job.definition for job in listed if job.name == job_name), None)


def tuned_trial(job: JobDescription, experiment: ExperimentRecord, now: datetime) -> TrialRecord:
    """The trial of a tuning job's training job; its number is the one in the name that SageMaker gave the job."""
    number = _NUMBER.search(job.job_name)
    return TrialRecord(
        experiment=experiment.name,
        trial_id=hashlib.sha256(job.job_name.encode()).hexdigest()[:10],
        index=int(number[1]) - 1 if number else 0,
        attempt=1,
        state=state_of(job.status) or TrialState.RUNNING,
        job_name=job.job_name,
        hyperparameters=chosen(job.hyperparameters),
        created_at=job.created_at or now,
        updated_at=now,
        job_arn=job.arn,
        instance_type=job.instance_type,
        instance_count=job.instance_count,
    )


def chosen(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """The job's hyperparameters as a spec has them: parsed where they are JSON, and without SageMaker's own."""
    return {name: _value(text) for name, text in hyperparameters.items() if not name.startswith(_OF_SAGEMAKER)}


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, int) and abs(value) >= 2**63:
        return text
    return value if isinstance(value, (int, float, bool, str)) else text


def _job(job: JobDescription, trial: TrialRecord, experiment: ExperimentRecord, tuning_job: str) -> JobRecord:
    spec = spec_of(experiment)
    objective = spec.stated_objective
    return JobRecord(
        job_name=job.job_name,
        experiment=trial.experiment,
        trial_id=trial.trial_id,
        attempt=trial.attempt,
        policies=experiment.policies,
        hyperparameters=trial.hyperparameters,
        # Each of several algorithms may have an objective of its own.
        objective_metric=str(_value(job.hyperparameters.get(OBJECTIVE, objective.metric))),
        objective_direction=objective.direction,
        log_metrics=job.log_metrics,
        log_apart=True,
        log_repeats_hook=log_repeats_hook(spec),
        tuning_job=tuning_job,
        algorithm=trial.algorithm,
    )
