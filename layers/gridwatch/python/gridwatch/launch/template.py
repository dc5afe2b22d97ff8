"""The template of CreateTrainingJob requests: what all trials of an experiment share. `launch.request` fills it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwatch.grid.names import experiment_entity
from gridwatch.launch.hook import environment, hook_document
from gridwatch.launch.images import xgboost_image
from gridwatch.launch.profiler import CONFIG_KEY as PROFILER_KEY
from gridwatch.launch.profiler import profiler_document
from gridwatch.launch.request import EXPERIMENT_TAG, PREFIX_TAG
from gridwatch.spec.channels import channel_uri
from gridwatch.spec.metrics import evaluation_metrics, metric_definitions, reported_metrics
from gridwatch.spec.model import Collection, ExperimentSpec
from gridwatch.state.records import RulePolicy
from gridwatch.storage.layout import MODEL_PREFIX, s3_uri

PROGRAM = "train.py"  # at the root of the source archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What of the platform goes into every request."""

    region: str
    name_prefix: str
    experiments_bucket: str
    artifacts_bucket: str
    job_role_arn: str
    xgboost_source_uri: str
    custom_rule_sources: tuple[str, ...] = ()  # S3 prefixes whose code may run as a rule; none: no such code runs
    is_known: bool = True  # False: placeholders stand here, and nothing is refused because of them


def build_template(spec: ExperimentSpec, policies: Sequence[RulePolicy], deployment: Deployment) -> dict[str, Any]:
    """CreateTrainingJob without what differs between trials."""
    reported = reported_metrics(evaluation_metrics(spec.hyperparameters, spec.factors), list(spec.data))
    asked = {name: collection_parameters(collection) for name, collection in spec.collect.items()}
    return {
        "AlgorithmSpecification": {
            "TrainingImage": xgboost_image(spec.algorithm.version, deployment.region),
            "TrainingInputMode": "File",
            "MetricDefinitions": metric_definitions(reported),
            "EnableSageMakerMetricsTimeSeries": True,
        },
        "RoleArn": deployment.job_role_arn,
        "HyperParameters": _script_mode(deployment),
        "InputDataConfig": [
            _channel(name, channel_uri(channel.uri, deployment.experiments_bucket), channel.content_type)
            for name, channel in spec.data.items()
        ],
        "OutputDataConfig": {"S3OutputPath": s3_uri(deployment.artifacts_bucket, MODEL_PREFIX.rstrip("/"))},
        "ResourceConfig": {
            "InstanceType": spec.resources.instance_type,
            "InstanceCount": spec.resources.instance_count,
            "VolumeSizeInGB": spec.resources.volume_gb,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": spec.resources.max_runtime},
        "Environment": _environment(asked, policies),
        "ExperimentConfig": {"ExperimentName": experiment_entity(deployment.name_prefix, spec.name)},
        "ProfilerConfig": {"DisableProfiler": True},
        "Tags": _tags(spec, deployment.name_prefix),
    }


def _environment(asked: Mapping[str, Mapping[str, str]], policies: Sequence[RulePolicy]) -> dict[str, str]:
    profiler = profiler_document(policies)
    profiled = environment(profiler, PROFILER_KEY) if profiler else {}
    return environment(hook_document(asked, policies)) | profiled


def collection_parameters(collection: Collection) -> dict[str, str]:
    """Debugger's CollectionParameters: text for every value, lists with commas."""
    given = collection.model_dump(exclude_none=True)
    return {name: _parameter(value) for name, value in given.items()}


def _parameter(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(part) for part in value) if isinstance(value, list) else str(value)


def _script_mode(deployment: Deployment) -> dict[str, str]:
    """What SageMaker's containers read before they run a script; every value is JSON."""
    values = {
        "sagemaker_program": PROGRAM,
        "sagemaker_submit_directory": deployment.xgboost_source_uri,
        "sagemaker_region": deployment.region,
        "sagemaker_container_log_level": 20,
    }
    return {name: json.dumps(value) for name, value in values.items()}


def _channel(name: str, uri: str, content_type: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
        },
        "ContentType": content_type,
    }


def _tags(spec: ExperimentSpec, name_prefix: str) -> list[dict[str, str]]:
    tags = {PREFIX_TAG: name_prefix, EXPERIMENT_TAG: spec.name}
    people = {key: value for key, value in (("owner", spec.owner), ("team", spec.team)) if value}
    return [{"Key": key, "Value": value} for key, value in (tags | people | spec.tags).items()]
