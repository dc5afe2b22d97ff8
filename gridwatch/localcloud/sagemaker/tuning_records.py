"""Tuning jobs as frozen values, with their forms: Describe's answer, the summary of one of their jobs, the event."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gridwatch.localcloud.sagemaker.records import TrainingJob

DETAIL_TYPE = "SageMaker HyperParameter Tuning Job State Change"
TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
OBJECTIVE = "_tuning_objective_metric"


@dataclass(frozen=True, slots=True)
class Child:
    """A training job that a tuning job launched: its definition, and its values from the ranges."""

    name: str
    definition: Mapping[str, Any]
    tuned: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TuningJob:
    """A tuning job as it stands. Times are seconds since the epoch."""

    name: str
    arn: str
    request: Mapping[str, Any]
    created: float
    modified: float
    status: str = "InProgress"
    children: tuple[Child, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    ended: float | None = None
    failure_reason: str | None = None
    not_improving: int = 0

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.request["HyperParameterTuningJobConfig"]
        return config

    @property
    def definitions(self) -> Sequence[Mapping[str, Any]]:
        several: Sequence[Mapping[str, Any]] = self.request.get("TrainingJobDefinitions") or [
            self.request["TrainingJobDefinition"]
        ]
        return several

    def objective(self, definition: Mapping[str, Any]) -> Mapping[str, str]:
        """The Type and MetricName of the objective of the definition's jobs."""
        own: Mapping[str, str] = definition.get("TuningObjective") or self.config["HyperParameterTuningJobObjective"]
        return own

    def ranges(self, definition: Mapping[str, Any]) -> Mapping[str, Any]:
        own: Mapping[str, Any] = definition.get("HyperParameterRanges") or self.config.get("ParameterRanges", {})
        return own

    def entering(self, status: str, now: float, reason: str | None = None) -> "TuningJob":
        ended = now if status in TERMINAL else None
        return replace(self, status=status, modified=now, ended=ended, failure_reason=reason)


def value_of(tuning: TuningJob, child: Child, job: TrainingJob) -> float | None:
    """The job's last reported objective; None before it has reported one."""
    series = series_of(tuning, child, job)
    return series[-1] if series else None


def series_of(tuning: TuningJob, child: Child, job: TrainingJob) -> list[float]:
    """Every report of the job's objective."""
    metric = tuning.objective(child.definition)["MetricName"]
    return next(([value for _, value, _ in each.points] for each in job.metrics if each.name == metric), [])


def describe(tuning: TuningJob, jobs: Mapping[str, TrainingJob]) -> dict[str, Any]:
    """DescribeHyperParameterTuningJob's answer."""
    echoed = ("TrainingJobDefinition", "TrainingJobDefinitions", "WarmStartConfig")
    answer = {name: tuning.request[name] for name in echoed if name in tuning.request}
    answer |= {
        **_identity(tuning),
        "HyperParameterTuningJobConfig": tuning.config,
        "CreationTime": tuning.created,
        "LastModifiedTime": tuning.modified,
        **_counters(tuning, jobs),
        "TuningJobCompletionDetails": {"NumberOfTrainingJobsObjectiveNotImproving": tuning.not_improving},
    }
    if tuning.ended is not None:
        answer["HyperParameterTuningEndTime"] = tuning.ended
        answer["ConsumedResources"] = {"RuntimeInSeconds": round(tuning.ended - tuning.created)}
    if tuning.failure_reason is not None:
        answer["FailureReason"] = tuning.failure_reason
    if (found := best(tuning, jobs)) is not None:
        answer["BestTrainingJob"] = summary(tuning, found, jobs[found.name])
    return answer


def best(tuning: TuningJob, jobs: Mapping[str, TrainingJob]) -> Child | None:
    """The completed job with the best objective."""
    known = [
        (value, child)
        for child in tuning.children
        if jobs[child.name].status == "Completed" and (value := value_of(tuning, child, jobs[child.name])) is not None
    ]
    maximize = any(tuning.objective(child.definition)["Type"] == "Maximize" for _, child in known)
    choose = max if maximize else min
    return choose(known, key=lambda each: each[0])[1] if known else None


def summary(tuning: TuningJob, child: Child, job: TrainingJob) -> dict[str, Any]:
    """The summary of a training job, as ListTrainingJobsForHyperParameterTuningJob has it."""
    told: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TuningJobName": tuning.name,
        "CreationTime": job.created,
        "TrainingJobStatus": job.status,
        "TunedHyperParameters": dict(child.tuned),
        "ObjectiveStatus": _objective_status(tuning, child, job),
    }
    if name := child.definition.get("DefinitionName"):
        told["TrainingJobDefinitionName"] = name
    if job.started is not None:
        told["TrainingStartTime"] = job.started
    if job.ended is not None:
        told["TrainingEndTime"] = job.ended
    if job.failure_reason is not None:
        told["FailureReason"] = job.failure_reason
    if (value := value_of(tuning, child, job)) is not None and job.is_terminal:
        objective = tuning.objective(child.definition)
        told["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": value}
    return told


def state_change(tuning: TuningJob, jobs: Mapping[str, TrainingJob]) -> dict[str, Any]:
    """A PutEvents entry for the tuning job's present state."""
    detail = {
        **_identity(tuning),
        **{name: tuning.request[name] for name in ("TrainingJobDefinition",) if name in tuning.request},
        **_counters(tuning, jobs),
        "CreationTime": round(tuning.created * 1000),
        "LastModifiedTime": round(tuning.modified * 1000),
        "Tags": dict(tuning.tags),
    }
    if tuning.failure_reason is not None:
        detail["FailureReason"] = tuning.failure_reason
    return {
        "Source": "aws.sagemaker", "DetailType": DETAIL_TYPE, "Resources": [tuning.arn], "Detail": json.dumps(detail)
    }  # fmt: skip


def _identity(tuning: TuningJob) -> dict[str, Any]:
    return {
        "HyperParameterTuningJobName": tuning.name,
        "HyperParameterTuningJobArn": tuning.arn,
        "HyperParameterTuningJobStatus": tuning.status,
    }


def _counters(tuning: TuningJob, jobs: Mapping[str, TrainingJob]) -> dict[str, dict[str, int]]:
    states = Counter(jobs[child.name].status for child in tuning.children)
    objectives = Counter(_objective_status(tuning, child, jobs[child.name]) for child in tuning.children)
    return {
        "TrainingJobStatusCounters": {
            "Completed": states["Completed"],
            "InProgress": states["InProgress"] + states["Stopping"],
            "RetryableError": 0,
            "NonRetryableError": states["Failed"],
            "Stopped": states["Stopped"],
        },
        "ObjectiveStatusCounters": {name: objectives[name] for name in ("Succeeded", "Pending", "Failed")},
    }


def _objective_status(tuning: TuningJob, child: Child, job: TrainingJob) -> str:
    if not job.is_terminal:
        return "Pending"
    return "Failed" if job.status == "Failed" or value_of(tuning, child, job) is None else "Succeeded"
