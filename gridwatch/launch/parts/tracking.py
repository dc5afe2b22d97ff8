"""The part of the request that says where SageMaker and MLflow list the job, and whose it is."""

from __future__ import annotations

from typing import Any

from gridwatch.grid.names import experiment_entity
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.request import EXPERIMENT_TAG, MLFLOW, PREFIX_TAG
from gridwatch.spec.checks.tracking import EXPERIMENT_VARIABLE, URI_VARIABLE
from gridwatch.spec.model import ExperimentSpec


def tracking_part(spec: ExperimentSpec, deployment: Deployment) -> dict[str, Any]:
    listed = {"ExperimentConfig": {"ExperimentName": experiment_entity(deployment.name_prefix, spec.name)}}
    return {
        **(listed if spec.tracking.experiments else {}),
        **_mlflow(spec),
        "Tags": _tags(spec, deployment.name_prefix),
    }


def _mlflow(spec: ExperimentSpec) -> dict[str, Any]:
    """The MLflow part for SageMaker and the variables for MLflow's own client in the container: what a container gets
    of the first is not documented.
    """
    mlflow = spec.tracking.mlflow
    if mlflow is None:
        return {}
    experiment = mlflow.experiment or spec.name
    return {
        MLFLOW: {"MlflowResourceArn": mlflow.resource, "MlflowExperimentName": experiment},
        "Environment": {URI_VARIABLE: mlflow.resource, EXPERIMENT_VARIABLE: experiment},
    }


def _tags(spec: ExperimentSpec, name_prefix: str) -> list[dict[str, str]]:
    tags = {PREFIX_TAG: name_prefix, EXPERIMENT_TAG: spec.name}
    people = {key: value for key, value in (("owner", spec.owner), ("team", spec.team)) if value}
    return [{"Key": key, "Value": value} for key, value in (tags | people | spec.tags).items()]
