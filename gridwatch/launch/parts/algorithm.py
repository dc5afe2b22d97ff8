"""AlgorithmSpecification, and what SageMaker's containers read before they run a script."""

from __future__ import annotations

import json
from typing import Any

from gridwatch.launch.deployment import Deployment
from gridwatch.launch.images import image_address
from gridwatch.spec.metrics import evaluation_metrics, metric_definitions, reported_metrics
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.algorithm import Registry
from gridwatch.spec.search_space import factors_of

PROGRAM = "train.py"  # at the root of the archive of Gridwatch's own script
LOG_LEVEL = 20


def algorithm_part(spec: ExperimentSpec, deployment: Deployment, source_uri: str | None) -> dict[str, Any]:
    """The algorithm's part of the request. `source_uri` is the archive of the spec's own script, if it has one."""
    algorithm = spec.algorithm
    specification: dict[str, Any] = {
        "TrainingImage": image_address(algorithm, deployment.region, spec.resources.image_type, spec.distribution),
        "TrainingInputMode": "File",
        "EnableSageMakerMetricsTimeSeries": True,
    }
    if definitions := _metric_definitions(spec):
        specification["MetricDefinitions"] = definitions
    if algorithm.registry is not None:
        specification["TrainingImageConfig"] = _registry(algorithm.registry)
    if algorithm.command is not None:
        specification["ContainerEntrypoint"] = algorithm.command
    if algorithm.arguments is not None:
        specification["ContainerArguments"] = algorithm.arguments
    part: dict[str, Any] = {"AlgorithmSpecification": specification, "HyperParameters": {}}
    if algorithm.is_own_xgboost:
        part["HyperParameters"] = _script_mode(PROGRAM, deployment.xgboost_source_uri, deployment.region)
    elif algorithm.entry_point is not None and source_uri is not None:
        part["HyperParameters"] = _script_mode(algorithm.entry_point, source_uri, deployment.region)
    return part | {"Environment": dict(algorithm.environment)}


def _registry(registry: Registry) -> dict[str, Any]:
    config: dict[str, Any] = {"TrainingRepositoryAccessMode": "Vpc"}
    if registry.credentials is not None:
        config["TrainingRepositoryAuthConfig"] = {"TrainingRepositoryCredentialsProviderArn": registry.credentials}
    return config


def _metric_definitions(spec: ExperimentSpec) -> list[dict[str, str]]:
    """The metrics' expressions; None for built-in algorithms, whose metrics SageMaker knows."""
    if spec.algorithm.is_own_xgboost:
        metrics = evaluation_metrics(spec.hyperparameters, factors_of(spec))
        return metric_definitions(reported_metrics(metrics, list(spec.data)))
    return [{"Name": name, "Regex": expression} for name, expression in spec.algorithm.metrics.items()]


def _script_mode(program: str, source_uri: str, region: str) -> dict[str, str]:
    """The hyperparameters that SageMaker's containers read before they run a script; every value is JSON."""
    values = {
        "sagemaker_program": program,
        "sagemaker_submit_directory": source_uri,
        "sagemaker_region": region,
        "sagemaker_container_log_level": LOG_LEVEL,
    }
    return {name: json.dumps(value) for name, value in values.items()}
