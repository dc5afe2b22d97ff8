"""Training jobs as frozen values, with their two forms: DescribeTrainingJob's answer and the state-change event."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
FAILURE_REASON_LIMIT = 1024

_STATUS_MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
    "Interrupted": "Training job interrupted: the managed spot training instances were taken back",
    "Restarting": "Restarting the training job after an internal error",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}
_JOB_STATUS = {
    "Stopping": "Stopping",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
    "Completed": "Completed",
    "Failed": "Failed",
}
# While a job is in these it has machines.
_RUNNING = frozenset({"Downloading", "Training", "Uploading", "Stopping"})
SPOT_SHARE = 0.3  # of the price on demand; it differs by type, region and hour
# What CreateTrainingJob takes and DescribeTrainingJob gives back unchanged.
ECHOED = (
    "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig",
    "VpcConfig", "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining", "CheckpointConfig", "DebugHookConfig", "ExperimentConfig", "DebugRuleConfigurations",
    "TensorBoardOutputConfig", "ProfilerConfig", "ProfilerRuleConfigurations", "Environment", "RetryStrategy",
    "RemoteDebugConfig", "InfraCheckConfig", "MlflowConfig", "TuningJobArn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Transition:
    """One secondary status with its time in seconds since the epoch; ``end`` is None while it lasts."""

    status: str
    start: float
    message: str
    end: float | None = None


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """The status of a Debugger rule for the job."""

    name: str
    evaluation_job_arn: str
    status: str
    details: str
    modified: float


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """The values of one metric in the log's order, each as (time, value, step)."""

    name: str
    points: tuple[tuple[float, float, int | None], ...] = ()

    def summary(self) -> dict[str, float]:
        """Min, Max, Avg, StdDev (population), Last and Count, as a trial component shows them."""
        values = [value for _, value, _ in self.points]
        mean = math.fsum(values) / len(values)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        return {
            "Min": min(values),
            "Max": max(values),
            "Avg": mean,
            "StdDev": deviation,
            "Last": values[-1],
            "Count": len(values),
        }


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training job as it stands. Times are seconds since the epoch."""

    name: str
    arn: str
    request: Mapping[str, Any]
    created: float
    modified: float
    transitions: tuple[Transition, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    failure_reason: str | None = None
    metrics: tuple[MetricSeries, ...] = ()
    rules: tuple[RuleStatus, ...] = ()
    has_model: bool = False

    @property
    def secondary_status(self) -> str:
        return self.transitions[-1].status

    @property
    def status(self) -> str:
        return _JOB_STATUS.get(self.secondary_status, "InProgress")

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def model_artifact(self) -> str:
        """The model's address: ``model.tar.gz``, or a folder when the output is not to be compressed."""
        leaf = "model" if self._output.get("CompressionType") == "NONE" else "model.tar.gz"
        return f"{self._output['S3OutputPath'].rstrip('/')}/{self.name}/output/{leaf}"

    @property
    def tensors_uri(self) -> str | None:
        """The address of Debugger's hook output, when the job has a DebugHookConfig."""
        hook = self.request.get("DebugHookConfig")
        return f"{hook['S3OutputPath'].rstrip('/')}/{self.name}/debug-output" if hook else None

    @property
    def _output(self) -> Mapping[str, Any]:
        output: Mapping[str, Any] = self.request["OutputDataConfig"]
        return output

    def entering(self, status: str, now: float, message: str | None = None) -> "TrainingJob":
        """The job in its next secondary status."""
        last = replace(self.transitions[-1], end=now)
        entered = Transition(status, now, message or _STATUS_MESSAGES[status])
        changed = replace(self, transitions=(*self.transitions[:-1], last, entered), modified=now)
        if status == "Downloading":
            return replace(changed, started=changed.started or now)
        if status == "Uploading":
            return replace(changed, has_model=True)
        if changed.is_terminal:
            ended = replace(changed.transitions[-1], end=now)
            return replace(changed, ended=now, transitions=(*changed.transitions[:-1], ended))
        return changed

    def with_rule(self, rule: RuleStatus) -> "TrainingJob":
        """The job with one rule's status replaced."""
        rules = tuple(rule if known.name == rule.name else known for known in self.rules)
        return replace(self, rules=rules, modified=rule.modified)


def first_transition(now: float) -> Transition:
    return Transition("Starting", now, _STATUS_MESSAGES["Starting"])


def describe(job: TrainingJob) -> dict[str, Any]:
    """DescribeTrainingJob's answer. Times are seconds, as JSON 1.1 carries them."""
    answer: dict[str, Any] = {name: job.request[name] for name in ECHOED if job.request.get(name) is not None}
    answer |= _identity(job)
    answer |= {
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "SecondaryStatusTransitions": _transitions(job, 1),
        "EnableNetworkIsolation": job.request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": job.request.get("EnableInterContainerTrafficEncryption", False),
        "EnableManagedSpotTraining": job.request.get("EnableManagedSpotTraining", False),
    }
    if job.started is not None:
        answer["TrainingStartTime"] = job.started
    if job.ended is not None:
        answer["TrainingEndTime"] = job.ended
        answer |= _durations(job)
    if job.has_model:
        answer["ModelArtifacts"] = {"S3ModelArtifacts": job.model_artifact}
    if job.failure_reason is not None:
        answer["FailureReason"] = job.failure_reason
    if job.metrics:
        answer["FinalMetricDataList"] = [
            {"MetricName": series.name, "Value": series.points[-1][1], "Timestamp": series.points[-1][0]}
            for series in job.metrics
        ]
    if job.rules:
        answer["DebugRuleEvaluationStatuses"] = _rules(job, 1)
    return answer


def event_detail(job: TrainingJob) -> dict[str, Any]:
    """The ``detail`` of SageMaker Training Job State Change: times in epoch milliseconds, tags as a map."""
    echoed = ("HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig",
              "ResourceConfig", "VpcConfig", "StoppingCondition")  # fmt: skip
    detail: dict[str, Any] = _identity(job)
    detail |= {name: job.request[name] for name in echoed if job.request.get(name) is not None}
    detail |= {"CreationTime": _ms(job.created), "LastModifiedTime": _ms(job.modified)}
    if job.started is not None:
        detail["TrainingStartTime"] = _ms(job.started)
    if job.ended is not None:
        detail["TrainingEndTime"] = _ms(job.ended)
    if job.failure_reason is not None:
        detail["FailureReason"] = job.failure_reason
    if job.rules:
        detail["DebugRuleEvaluationStatuses"] = _rules(job, 1000)
    detail["SecondaryStatusTransitions"] = _transitions(job, 1000)
    detail["Tags"] = dict(job.tags)
    return detail


def _identity(job: TrainingJob) -> dict[str, Any]:
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
    }


def _durations(job: TrainingJob) -> dict[str, int]:
    """Training and billable seconds of one instance, without waits for new machines; spot capacity is billed as less
    time.
    """
    if job.started is None or job.ended is None:
        return {}
    seconds = sum(step.end - step.start for step in job.transitions if step.status in _RUNNING and step.end)
    share = SPOT_SHARE if job.request.get("EnableManagedSpotTraining") else 1.0
    return {
        "TrainingTimeInSeconds": math.ceil(seconds),
        "BillableTimeInSeconds": math.ceil(math.ceil(seconds) * share),
    }


def _transitions(job: TrainingJob, scale: int) -> list[dict[str, Any]]:
    return [
        {"Status": step.status, "StartTime": _scaled(step.start, scale), "StatusMessage": step.message}
        | ({} if step.end is None else {"EndTime": _scaled(step.end, scale)})
        for step in job.transitions
    ]


def _rules(job: TrainingJob, scale: int) -> list[dict[str, Any]]:
    return [
        {
            "RuleConfigurationName": rule.name,
            "RuleEvaluationJobArn": rule.evaluation_job_arn,
            "RuleEvaluationStatus": rule.status,
            "LastModifiedTime": _scaled(rule.modified, scale),
        }
        | ({"StatusDetails": rule.details} if rule.details else {})
        for rule in job.rules
    ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _scaled(seconds: float, scale: int) -> float | int:
    return seconds if scale == 1 else _ms(seconds)
