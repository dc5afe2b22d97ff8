"""Describes a trial component: the given values and, for a training job's own component, the job."""

from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.entities import Entity
from gridwatch.localcloud.sagemaker.layout import hosts_of
from gridwatch.localcloud.sagemaker.records import MetricSeries, TrainingJob

COMPONENT_SUFFIX = "-aws-training-job"
_STATUS = {
    "InProgress": "InProgress",
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopping": "Stopping",
    "Stopped": "Stopped",
}
_STRING_LIMIT = 2500


def component_members(entity: Entity, job: TrainingJob | None) -> dict[str, Any]:
    """The component's members; given values win over the job's, dictionaries are merged."""
    shown = dict(_of_job(job)) if job else {}
    for name, value in entity.members.items():
        shown[name] = {**shown.get(name, {}), **value} if isinstance(value, dict) and name != "Status" else value
    source = job.arn if job else entity.arn
    series = (*(job.metrics if job else ()), *entity.metrics)
    shown["Metrics"] = [_metric(item, source) for item in series]
    return shown


def _of_job(job: TrainingJob) -> Mapping[str, Any]:
    members: dict[str, Any] = {
        "Source": {"SourceArn": job.arn, "SourceType": "SageMakerTrainingJob"},
        "Status": {
            "PrimaryStatus": _STATUS[job.status],
            "Message": f"Status: {job.status}, secondary status: {job.secondary_status}",
        },
        "Parameters": _parameters(job.request),
        "InputArtifacts": _inputs(job.request),
        "OutputArtifacts": {},
    }
    if job.has_model:
        members["OutputArtifacts"] = {"SageMaker.ModelArtifact": {"Value": job.model_artifact}}
    if job.started is not None:
        members["StartTime"] = job.started
    if job.ended is not None:
        members["EndTime"] = job.ended
    return members


def _parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    resources = request.get("ResourceConfig", {})
    hosts = hosts_of(resources)
    shown = {name: _value(text) for name, text in request.get("HyperParameters", {}).items()}
    shown |= {
        "SageMaker.ImageUri": {"StringValue": request["AlgorithmSpecification"]["TrainingImage"]},
        "SageMaker.InstanceCount": {"NumberValue": float(len(hosts))},
        "SageMaker.InstanceType": {"StringValue": ", ".join(dict.fromkeys(host.instance_type for host in hosts))},
        "SageMaker.VolumeSizeInGB": {"NumberValue": float(resources.get("VolumeSizeInGB", 0))},
    }
    return shown


def _value(text: str) -> dict[str, Any]:
    try:
        return {"NumberValue": float(text)}
    except ValueError:
        return {"StringValue": text[:_STRING_LIMIT]}


def _inputs(request: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {}
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource", {})
        media = {"MediaType": channel["ContentType"]} if "ContentType" in channel else {}
        inputs[channel["ChannelName"]] = {**media, "Value": source.get("S3Uri", "")}
    return inputs


def _metric(series: MetricSeries, source: str) -> dict[str, Any]:
    return {"MetricName": series.name, "SourceArn": source, "TimeStamp": series.points[-1][0], **series.summary()}
