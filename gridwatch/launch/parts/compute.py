"""The part ResourceConfig and other fields about the machines and their network."""

from __future__ import annotations

from typing import Any

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.compute import Resources


def compute_part(spec: ExperimentSpec) -> dict[str, Any]:
    """The machines' part of the request. Only what the spec says is sent: SageMaker has defaults of its own."""
    resources = spec.resources
    part: dict[str, Any] = {"ResourceConfig": _machines(resources), "StoppingCondition": _times(resources)}
    if resources.spot is not None:
        part["EnableManagedSpotTraining"] = True
    if resources.retries is not None:
        part["RetryStrategy"] = {"MaximumRetryAttempts": resources.retries}
    switches = {
        "RemoteDebugConfig": ("EnableRemoteDebug", resources.remote_debug),
        "InfraCheckConfig": ("EnableInfraCheck", resources.infra_check),
        "SessionChainingConfig": ("EnableSessionTagChaining", resources.session_tags),
    }
    part |= {config: {name: True} for config, (name, is_on) in switches.items() if is_on}
    if resources.network is not None:
        network = resources.network
        part["VpcConfig"] = {"SecurityGroupIds": network.security_groups, "Subnets": network.subnets}
    if resources.isolated:
        part["EnableNetworkIsolation"] = True
    if resources.encrypted_traffic:
        part["EnableInterContainerTrafficEncryption"] = True
    return part


def _machines(resources: Resources) -> dict[str, Any]:
    config: dict[str, Any] = {"VolumeSizeInGB": resources.volume_gb}
    if resources.groups:
        config["InstanceGroups"] = [
            {"InstanceGroupName": name, "InstanceType": group.instance_type, "InstanceCount": group.instance_count}
            for name, group in resources.groups.items()
        ]
    else:
        config |= {"InstanceType": resources.instance_type, "InstanceCount": resources.instance_count}
    if resources.volume_key is not None:
        config["VolumeKmsKeyId"] = resources.volume_key
    if resources.keep_alive is not None:
        config["KeepAlivePeriodInSeconds"] = resources.keep_alive
    if resources.training_plan is not None:
        config["TrainingPlanArn"] = resources.training_plan
    return config


def _times(resources: Resources) -> dict[str, int]:
    times = {"MaxRuntimeInSeconds": resources.max_runtime}
    if resources.spot is not None:
        times["MaxWaitTimeInSeconds"] = resources.spot.max_wait
    if resources.max_pending is not None:
        times["MaxPendingTimeInSeconds"] = resources.max_pending
    return times
