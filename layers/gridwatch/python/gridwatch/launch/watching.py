"""Watching training jobs that Gridwatch did not launch, because their owners ask for it by a tag.

Such a job gets the records that a launched one has, as a trial of an experiment that stands for its rule set, so that
everything that reads records knows it. A job is enrolled at the first news of it and stays under the rules of then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gridwatch.launch.observation import state_of
from gridwatch.launch.ports import JobDescription
from gridwatch.state.records import ExperimentRecord, JobRecord, RulePolicy, TrialRecord, TrialState
from gridwatch.storage.layout import split_s3_uri, tensor_prefix

WATCH_TAG = "gridwatch:watch"
# A spec's name has no dot, so no experiment can be taken for a rule set or the other way round.
EXPERIMENT_PREFIX = "watch."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRuleSet:
    """A rule set as uploaded; `document` is the normalized one."""

    name: str
    key: str
    version: str
    uploaded_at: datetime
    policies: tuple[RulePolicy, ...]
    document: Mapping[str, Any]


class RuleSetError(Exception):
    """There is no such rule set, or it cannot be used. `problems` are lines for people."""

    def __init__(self, name: str, version: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"rule set {name}: {'; '.join(problems)}")
        self.name = name
        self.version = version
        self.problems = problems


class RuleSets(Protocol):
    def load(self, name: str) -> StoredRuleSet:
        """Raises RuleSetError, and gridwatch.failures errors when it cannot be reached."""
        ...


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The records to write, in this order: whoever finds the job's finds the others."""

    experiment: ExperimentRecord
    trial: TrialRecord
    job: JobRecord


def enrolment(job: JobDescription, rule_set: StoredRuleSet, *, artifacts_bucket: str, now: datetime) -> Enrolment:
    """What is written down about a job that is to be watched under a rule set."""
    experiment = f"{EXPERIMENT_PREFIX}{rule_set.name}"
    trial_id = hashlib.sha256(job.job_name.encode()).hexdigest()[:10]
    hyperparameters = {name: value for name, value in job.hyperparameters.items() if not name.startswith("sagemaker_")}
    return Enrolment(
        _experiment(experiment, rule_set, now),
        TrialRecord(
            experiment=experiment,
            trial_id=trial_id,
            index=0,
            attempt=1,
            state=state_of(job.status) or TrialState.RUNNING,
            job_name=job.job_name,
            hyperparameters=hyperparameters,
            created_at=job.created_at or now,
            updated_at=now,
            job_arn=job.arn,
            instance_type=job.instance_type,
            instance_count=job.instance_count,
        ),
        _job(job, experiment, trial_id, hyperparameters, rule_set, artifacts_bucket),
    )


def _experiment(name: str, rule_set: StoredRuleSet, now: datetime) -> ExperimentRecord:
    return ExperimentRecord(
        name=name,
        spec_key=rule_set.key,
        spec_version=rule_set.version,
        uploaded_at=rule_set.uploaded_at,
        document=rule_set.document,
        template={},
        policies=rule_set.policies,
        trial_ids=(),
        parallel_jobs=0,
        created_at=now,
        updated_at=now,
    )


def _job(
    job: JobDescription,
    experiment: str,
    trial_id: str,
    hyperparameters: Mapping[str, str],
    rule_set: StoredRuleSet,
    artifacts_bucket: str,
) -> JobRecord:
    objective = rule_set.document.get("objective") or {}
    return JobRecord(
        job_name=job.job_name,
        experiment=experiment,
        trial_id=trial_id,
        attempt=1,
        policies=rule_set.policies,
        hyperparameters=hyperparameters,
        objective_metric=objective.get("metric", ""),
        objective_direction=objective.get("direction", ""),
        log_metrics=job.log_metrics if job.tensors_uri is None else (),
        tensors_uri=_elsewhere(job, artifacts_bucket),
        watched=True,
    )


def _elsewhere(job: JobDescription, artifacts_bucket: str) -> str | None:
    """None for tensors that lie where Gridwatch's own jobs write theirs."""
    if job.tensors_uri is None:
        return None
    try:
        bucket, key = split_s3_uri(job.tensors_uri)
    except ValueError:
        return None
    return None if (bucket, f"{key}/") == (artifacts_bucket, tensor_prefix(job.job_name)) else job.tensors_uri
