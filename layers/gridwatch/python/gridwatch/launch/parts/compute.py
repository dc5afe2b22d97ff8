"""ResourceConfig and what else is said of the machines."""

from __future__ import annotations

from typing import Any

from gridwatch.spec.model import ExperimentSpec


def compute_part(spec: ExperimentSpec) -> dict[str, Any]:
    return {
        "ResourceConfig": {
            "InstanceType": spec.resources.instance_type,
            "InstanceCount": spec.resources.instance_count,
            "VolumeSizeInGB": spec.resources.volume_gb,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": spec.resources.max_runtime},
    }
