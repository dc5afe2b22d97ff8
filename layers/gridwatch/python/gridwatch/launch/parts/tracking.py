"""Under which experiment SageMaker lists the job, and whose it is."""

from __future__ import annotations

from typing import Any

from gridwatch.grid.names import experiment_entity
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.request import EXPERIMENT_TAG, PREFIX_TAG
from gridwatch.spec.model import ExperimentSpec


def tracking_part(spec: ExperimentSpec, deployment: Deployment) -> dict[str, Any]:
    return {
        "ExperimentConfig": {"ExperimentName": experiment_entity(deployment.name_prefix, spec.name)},
        "Tags": _tags(spec, deployment.name_prefix),
    }


def _tags(spec: ExperimentSpec, name_prefix: str) -> list[dict[str, str]]:
    tags = {PREFIX_TAG: name_prefix, EXPERIMENT_TAG: spec.name}
    people = {key: value for key, value in (("owner", spec.owner), ("team", spec.team)) if value}
    return [{"Key": key, "Value": value} for key, value in (tags | people | spec.tags).items()]
