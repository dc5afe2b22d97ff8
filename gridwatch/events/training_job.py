"""SageMaker's descriptions of a training job: the answer of DescribeTrainingJob, and the event with nearly the same
content.

In events times are epoch milliseconds, as numbers or as strings, and keys may be absent (developer guide, "Automating
Amazon SageMaker AI with Amazon EventBridge").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gridwatch.domain.descriptions import JobDescription
from gridwatch.storage.layout import TENSORS_KEY
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus, status_of_event
from gridwatch_rules.tensors.metric_definition import LogMetric

DETAIL_TYPE = "SageMaker Training Job State Change"
JOB_TAG = "gridwatch:job"  # on training jobs that AWS Batch names: the name by which Gridwatch knows them
_BATCH_PREFIX = "AWSBatch"
_RULE_STATUSES = ("DebugRuleEvaluationStatuses", "ProfilerRuleEvaluationStatuses")
# Secondary statuses of a job that has trained and has no machines now, or not yet: Starting comes before the first
# training as well.
WITHOUT_MACHINES = ("Interrupted", "Restarting", "Starting")


def training_job_change(event: Mapping[str, Any]) -> JobDescription | None:
    """The job's state in the event; None for another event. Raises ValueError when essential fields are missing."""
    if event.get("source") != "aws.sagemaker" or event.get("detail-type") != DETAIL_TYPE:
        return None
    return job_description(event["detail"], fallback_time=event.get("time"))


def job_description(detail: Mapping[str, Any], *, fallback_time: object = None) -> JobDescription:
    """The job's description, from an event's detail or from an answer of DescribeTrainingJob."""
    try:
        name, arn, status = detail["TrainingJobName"], detail["TrainingJobArn"], detail["TrainingJobStatus"]
    except KeyError as error:
        raise ValueError(f"a training job's state without {error}") from error
    modified = moment(detail.get("LastModifiedTime")) or moment(fallback_time) or moment(detail.get("CreationTime"))
    if modified is None:
        raise ValueError(f"the state of {name} has no time")
    kind, count, further = _machines(detail.get("ResourceConfig") or {})
    return JobDescription(
        job_name=known_name(detail),
        arn=arn,
        status=status,
        secondary_status=detail.get("SecondaryStatus", ""),
        modified_at=modified,
        instance_type=kind,
        instance_count=count,
        further_machines=further,
        started_at=moment(detail.get("TrainingStartTime")),
        ended_at=moment(detail.get("TrainingEndTime")),
        billable_seconds=detail.get("BillableTimeInSeconds"),
        final_metrics={item["MetricName"]: float(item["Value"]) for item in detail.get("FinalMetricDataList") or ()},
        model_uri=(detail.get("ModelArtifacts") or {}).get("S3ModelArtifacts"),
        failure_reason=detail.get("FailureReason"),
        created_at=moment(detail.get("CreationTime")),
        max_runtime_seconds=(detail.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds"),
        hyperparameters=dict(detail.get("HyperParameters") or {}),
        log_metrics=_log_metrics(detail.get("AlgorithmSpecification") or {}),
        tensors_uri=_tensors_uri(name, detail),
        tags=dict(detail.get("Tags") or {}),
        rule_statuses=rule_statuses(detail),
        debugger="DebugHookConfig" in detail,
        spot=detail.get("EnableManagedSpotTraining") is True,
        began_again_at=_began_again_at(detail.get("SecondaryStatusTransitions") or ()),
        keeps_checkpoints=bool(detail.get("CheckpointConfig")),
    )


def _began_again_at(transitions: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the job last began to train after it had lost its machines; None for one that never did."""
    trained, lost, found = False, False, None
    for each in transitions:
        if each.get("Status") == "Training":
            found = moment(each.get("StartTime")) if lost else found
            trained, lost = True, False
        elif each.get("Status") in WITHOUT_MACHINES:
            lost = trained
    return found


def _machines(resources: Mapping[str, Any]) -> tuple[str | None, int | None, dict[str, int]]:
    """The first instance type with its count and, for instance groups, the other types with theirs."""
    counts: dict[str, int] = {}
    for group in resources.get("InstanceGroups") or ():
        counts[group["InstanceType"]] = counts.get(group["InstanceType"], 0) + int(group["InstanceCount"])
    if not counts:
        return resources.get("InstanceType"), resources.get("InstanceCount"), {}
    kind = next(iter(counts))
    return kind, counts.pop(kind), counts


def known_name(detail: Mapping[str, Any]) -> str:
    """The job's name as Gridwatch knows it: SageMaker's, unless AWS Batch gave that one."""
    name = str(detail["TrainingJobName"])
    tags = detail.get("Tags") or {}
    return str(tags.get(JOB_TAG, name)) if name.startswith(_BATCH_PREFIX) else name


def _log_metrics(algorithm: Mapping[str, Any]) -> tuple[LogMetric, ...]:
    definitions = algorithm.get("MetricDefinitions") or ()
    return tuple(LogMetric(name=each["Name"], regex=each["Regex"]) for each in definitions)


def _tensors_uri(job_name: str, detail: Mapping[str, Any]) -> str | None:
    """Where the job's hook writes: Gridwatch's takes it from the environment, SageMaker's from the hook's
    configuration.
    """
    own = (detail.get("Environment") or {}).get(TENSORS_KEY)
    output = (detail.get("DebugHookConfig") or {}).get("S3OutputPath")
    if own:
        # Jobs of a tuning job are all told the same, with their own name left open.
        return str(own).replace("{TRAINING_JOB_NAME}", job_name).rstrip("/")
    return f"{str(output).rstrip('/')}/{job_name}/debug-output" if output else None


def rule_statuses(detail: Mapping[str, Any]) -> tuple[StatusChange, ...]:
    """What the rules of a job have come to, in Debugger's fields; statuses that are not known are left out.

    Raises KeyError, TypeError or AttributeError for another shape.
    """
    return tuple(
        StatusChange.in_words(
            entry["RuleConfigurationName"],
            *status_of_event(RuleStatus(entry["RuleEvaluationStatus"]), (entry.get("StatusDetails") or "").strip()),
            at=moment(entry.get("LastModifiedTime")),
        )
        for key in _RULE_STATUSES
        for entry in detail.get(key) or ()
        if entry.get("RuleEvaluationStatus") in set(RuleStatus)
    )


def moment(value: object) -> datetime | None:
    """A time in any form that occurs: aware datetime, epoch milliseconds (number or text), or ISO 8601 text."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        return datetime.fromisoformat(value).astimezone(UTC)
    if isinstance(value, (int, float, str)):
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    raise ValueError(f"{value!r} is no time")
