"""Turns parts of a training job's description into parts of a spec."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from gridwatch.spec.images import algorithm_image, algorithm_names, framework_image, framework_versions, with_cuda_11

HOOK = "GRIDWATCH_HOOK_CONFIG"
_ADDED = "gridwatch_"
_SWITCHES = {
    "remote_debug": ("RemoteDebugConfig", "EnableRemoteDebug"),
    "infra_check": ("InfraCheckConfig", "EnableInfraCheck"),
    "session_tags": ("SessionChainingConfig", "EnableSessionTagChaining"),
}
_FRAMEWORKS = ("pytorch", "pytorch-smp", "tensorflow", "sklearn", "xgboost", "huggingface")
_KINDS = {"ManifestFile": "manifest", "AugmentedManifestFile": "augmented_manifest"}


def known_image(address: str, *, with_script: bool) -> dict[str, Any] | None:
    """The spec's name for AWS's image of that address; None for somebody's own image."""
    found = re.fullmatch(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/([^:]+):(.+)", address)
    if found is None:
        return None
    repository, tag = found[1], found[2]
    for framework in _FRAMEWORKS:
        for version in reversed(framework_versions(framework)):
            image = framework_image(framework, version)
            if image is None or image.repository != repository:
                continue
            tags = {image.tag.replace("{processor}", each) for each in (image.processors or ("",))}
            if tag in tags | {with_cuda_11(repository, each) for each in tags}:
                own = framework == "xgboost" and not with_script
                return {"name": "xgboost", "version": version} if own else {"framework": framework, "version": version}
    names = [name for name in algorithm_names() if (image := algorithm_image(name)) and image.repository == repository]
    return {"name": names[0]} if names else None


def s3_source(place: Mapping[str, Any]) -> dict[str, Any]:
    """The address of a channel's data, and how it is read."""
    told: dict[str, Any] = {"uri": place["S3Uri"]}
    if place.get("S3DataType") in _KINDS:
        told["kind"] = _KINDS[place["S3DataType"]]
    if place.get("S3DataDistributionType") == "ShardedByS3Key":
        told["sharded"] = True
    if place.get("AttributeNames"):
        told["attributes"] = list(place["AttributeNames"])
    if place.get("InstanceGroupNames"):
        told["instance_groups"] = list(place["InstanceGroupNames"])
    return told


def network_of(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The section `resources.network`, from VpcConfig."""
    if not config:
        return None
    return {"subnets": list(config["Subnets"]), "security_groups": list(config["SecurityGroupIds"])}


def distribution_of(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The section `distribution`, from what SageMaker's containers are told of it
    (gridwatch.launch.parts.distribution).
    """
    way = _way(given)
    groups = given.get("sagemaker_distribution_instance_groups")
    if way is not None and isinstance(groups, list) and groups:
        way["instance_group"] = groups[0]
    return way


def _way(given: Mapping[str, Any]) -> dict[str, Any] | None:
    said = given.get("sagemaker_mpi_custom_mpi_options")
    options = {"options": said} if said else {}
    processes = given.get("sagemaker_mpi_num_of_processes_per_host")
    if isinstance(parameters := given.get("mp_parameters"), dict):
        names = ("partitions", "microbatches", "pipeline", "optimize", "placement_strategy", "ddp")
        told = {name: parameters[name] for name in names if parameters.get(name) is not None}
        further = {name: value for name, value in parameters.items() if name not in told and value is not None}
        mpi = {f"mpi_{name}": value for name, value in options.items()}
        if given.get("sagemaker_mpi_enabled") is True:
            mpi["processes_per_host"] = processes or 1
        return {"model_parallel": {**told, **({"parameters": further} if further else {}), **mpi}}
    if given.get("sagemaker_distributed_dataparallel_enabled") is True:
        said = given.get("sagemaker_distributed_dataparallel_custom_mpi_options")
        return {"data_parallel": {"mpi_options": said} if said else {}}
    if given.get("sagemaker_torch_distributed_enabled") is True:
        return {"torchrun": {}}
    if given.get("sagemaker_pytorch_ddp_enabled") is True:
        return {"pytorch_ddp": {}}
    if given.get("sagemaker_mpi_enabled") is True:
        return {"mpi": {**({"processes_per_host": processes} if processes else {}), **options}}
    if given.get("sagemaker_parameter_server_enabled") is True:
        return {"parameter_server": {}}
    if given.get("sagemaker_multi_worker_mirrored_strategy_enabled") is True:
        return {"multi_worker_mirrored": {}}
    return None


def registry_of(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The section `algorithm.registry`, from TrainingImageConfig."""
    if not config or config.get("TrainingRepositoryAccessMode") != "Vpc":
        return None
    credentials = (config.get("TrainingRepositoryAuthConfig") or {}).get("TrainingRepositoryCredentialsProviderArn")
    return {"credentials": credentials} if credentials else {}


def switches_of(described: Mapping[str, Any]) -> dict[str, bool]:
    """The settings `remote_debug`, `infra_check` and `session_tags` that are on."""
    return {name: True for name, (config, field) in _SWITCHES.items() if (described.get(config) or {}).get(field)}


def continued(environment: Mapping[str, str]) -> str:
    """A value that is continued in …_1, …_2."""
    parts = [environment[HOOK]]
    while (part := environment.get(f"{HOOK}_{len(parts)}")) is not None:
        parts.append(part)
    return "".join(parts)


def as_asked(document: Mapping[str, Any]) -> dict[str, Any]:
    """A hook's document without the collections that a launch adds by itself."""
    kept = [each for each in document["CollectionConfigurations"] if not each["CollectionName"].startswith(_ADDED)]
    return {**document, "CollectionConfigurations": kept}


def value_of(text: Any) -> Any:
    """A script's hyperparameter, which SageMaker's toolkit reads as JSON; a value that is not JSON stays text, and so
    does a number that is not finite.
    """
    try:
        value = json.loads(text)
    except (ValueError, TypeError):
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def number_or_text(text: str) -> Any:
    """A hyperparameter as a built-in algorithm reads it: a number where it is one, else the text."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) and "_" not in text else text
    return text


def plain(value: Any) -> Any:
    """The answer without its empty parts."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items() if each not in (None, {}, [])}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value
