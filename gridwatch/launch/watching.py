"""Watches training jobs that Gridwatch did not launch, because their owners ask for it by a tag.

Such a job gets the records that a launched one has, as a trial of an experiment that stands for its rule set, so that
all code that reads records handles it. A job is enrolled at the first news of it and keeps the rules of that time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.watch_refused import watch_doubtful, watch_refused
from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.observation import state_of
from gridwatch.launch.paces import Pacing, log_of
from gridwatch.launch.ports import TrainingService
from gridwatch.pace import Pace
from gridwatch.state.accepted_spec import AcceptedSpec
from gridwatch.state.open_experiments import reopen
from gridwatch.state.store import StateStore
from gridwatch.storage.layout import split_s3_uri, tensor_prefix
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError

WATCH_TAG = "gridwatch:watch"
# A spec's name has no dot, so no experiment can be taken for a rule set or the other way round.
EXPERIMENT_PREFIX = "watch."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRuleSet:
    """A rule set as uploaded; `document` is the normalized one, `warnings` are lines for people."""

    name: str
    key: str
    version: str
    uploaded_at: datetime
    policies: tuple[RulePolicy, ...]
    document: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


class RuleSetError(Exception):
    """There is no such rule set, or it cannot be used. `problems` are lines for people."""

    def __init__(self, name: str, version: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"rule set {name}: {'; '.join(problems)}")
        self.name = name
        self.version = version
        self.problems = problems


class RuleSets(Protocol):
    def load(self, name: str) -> StoredRuleSet:
        """The rule set of that name. Raises RuleSetError, and gridwatch_rules.failures errors when it cannot be
        reached.
        """
        ...


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The records to write, in this order: whoever finds the job's record finds the others."""

    experiment: ExperimentRecord
    trial: TrialRecord
    job: JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Enroller:
    """Writes down the experiment of a job that has the tag."""

    store: StateStore
    training: TrainingService
    rule_sets: RuleSets
    alerts: AlertOutbox
    clock: Clock
    artifacts_bucket: str
    pacing: Pacing | None = None

    def enrol(self, news: JobDescription) -> JobRecord | None:
        """The record of a job whose tags ask for it; None when they do not, or it cannot be watched as they ask.

        Repeating it changes nothing. Raises TransientError: ask again later.
        """
        wanted = news.tags.get(WATCH_TAG)
        if not wanted:
            return None
        now = self.clock.now()
        try:
            rule_set = self.rule_sets.load(wanted)
            described = self.training.describe_job(news.job_name)
        except NotFoundError:
            return None  # deleted since
        except RuleSetError as error:
            self.alerts.ask(
                watch_refused(
                    job_name=news.job_name, rule_set=error.name, version=error.version, problems=error.problems, now=now
                )
            )
            return None
        records = enrolment(described, rule_set, artifacts_bucket=self.artifacts_bucket, now=now)
        if self.pacing is not None:
            longest, log = described.max_runtime_seconds, log_of(records.job)
            pace = self.pacing.of(records.trial, longest=longest, log=log)
            trial, job = paced_records(records.trial, records.job, pace)
            records = replace(records, trial=trial, job=job)
        kept = self.store.get_experiment(records.experiment.name)
        if kept is None or kept.spec_version != rule_set.version:
            created_at = kept.created_at if kept else now
            self.store.put_experiment(replace(records.experiment, created_at=created_at))
            if rule_set.warnings:
                self.alerts.ask(watch_doubtful(rule_set=rule_set.name, version=rule_set.version,
                                               warnings=rule_set.warnings, now=now))  # fmt: skip
        else:
            reopen(self.store, kept)
        self.store.add_trials([records.trial])
        self.store.put_job(records.job)
        return records.job


def paced_records(trial: TrialRecord, job: JobRecord, pace: Pace) -> tuple[TrialRecord, JobRecord]:
    """The records with how often the job is looked at; its hook does not keep to that pace, because it is not ours."""
    return replace(trial, check_seconds=pace.check_seconds), replace(job, look_seconds=pace.log_seconds)


def enrolment(job: JobDescription, rule_set: StoredRuleSet, *, artifacts_bucket: str, now: datetime) -> Enrolment:
    """The records of a job that is to be watched under a rule set."""
    trial = TrialRecord(
        experiment=f"{EXPERIMENT_PREFIX}{rule_set.name}",
        trial_id=hashlib.sha256(job.job_name.encode()).hexdigest()[:10],
        index=0,
        attempt=1,
        state=state_of(job.status) or TrialState.RUNNING,
        job_name=job.job_name,
        hyperparameters={
            name: value for name, value in job.hyperparameters.items() if not name.startswith("sagemaker_")
        },
        created_at=job.created_at or now,
        updated_at=now,
        job_arn=job.arn,
        instance_type=job.instance_type,
        instance_count=job.instance_count,
    )
    experiment = _experiment(trial.experiment, rule_set, now)
    return Enrolment(experiment, trial, _job(job, trial, rule_set, artifacts_bucket))


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


def _job(job: JobDescription, trial: TrialRecord, rule_set: StoredRuleSet, artifacts_bucket: str) -> JobRecord:
    objective = AcceptedSpec(rule_set.document).objective
    return JobRecord(
        job_name=job.job_name,
        experiment=trial.experiment,
        trial_id=trial.trial_id,
        attempt=trial.attempt,
        policies=rule_set.policies,
        hyperparameters=trial.hyperparameters,
        objective_metric=objective.metric if objective else "",
        objective_direction=objective.direction if objective else "",
        log_metrics=job.log_metrics,
        log_apart=True,
        tensors_uri=_elsewhere(job, artifacts_bucket),
        watched=True,
        managed_rules=bool(job.rule_statuses),
    )


def _elsewhere(job: JobDescription, artifacts_bucket: str) -> str | None:
    """The address of tensors; None for those that lie where Gridwatch's own jobs write theirs."""
    if job.tensors_uri is None:
        return None
    try:
        bucket, key = split_s3_uri(job.tensors_uri)
    except ValueError:
        return None
    return None if (bucket, f"{key}/") == (artifacts_bucket, tensor_prefix(job.job_name)) else job.tensors_uri
