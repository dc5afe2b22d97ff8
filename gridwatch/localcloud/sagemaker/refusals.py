"""Refusals with their reasons: what AWS trains and this machine cannot, and what AWS itself refuses of data and
clusters.
"""

from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error
from gridwatch.localcloud.sagemaker.layout import hosts_of, input_mode
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.storage import split_uri

_MOST_HOSTS = 16
# By the middle of the hyperparameter's name, as the SDK sends it: sagemaker_<name>_enabled.
_DISTRIBUTIONS = {
    "mpi": "MPI",
    "distributed_dataparallel": "SageMaker's data parallel library",
    "parameter_server": "parameter servers",
    "multi_worker_mirrored_strategy": "TensorFlow's mirrored strategy",
    "pytorch_xla_multi_worker": "PyTorch XLA",
}


def refuse_what_cannot_run(request: Mapping[str, Any]) -> None:
    """Check whether the job can run here. Raises ValidationException."""
    _check_cluster(request)
    _check_container(request["AlgorithmSpecification"])
    _check_distribution(request.get("HyperParameters", {}))
    for channel in request.get("InputDataConfig", []):
        _check_channel(channel, request)


def refuse_empty_prefixes(request: Mapping[str, Any], platform: Platform) -> None:
    """Refuse a job of which a channel's prefix holds nothing, as CreateTrainingJob does itself. Raises
    ValidationException.
    """
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"]["S3DataSource"]
        bucket, key = split_uri(source["S3Uri"])
        if source["S3DataType"] == "S3Prefix" and not platform.has_objects(bucket, key):
            raise validation_error(
                f'No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source. Please ensure that '
                f"the bucket exists in the selected region ({platform.region}), that objects exist under that S3 "
                f'prefix, and that the role "{request["RoleArn"]}" has "s3:ListBucket" permissions on bucket '
                f'"{bucket}".'
            )


def _check_cluster(request: Mapping[str, Any]) -> None:
    resources = request["ResourceConfig"]
    if resources.get("InstanceGroups"):
        if "InstanceCount" in resources or "InstanceType" in resources:
            raise validation_error("ResourceConfig: InstanceGroups stand in place of InstanceType and InstanceCount")
    elif "InstanceType" not in resources or "InstanceCount" not in resources:
        raise validation_error("ResourceConfig: InstanceType and InstanceCount, or InstanceGroups, are required")
    count = len(hosts_of(resources))
    if not 1 <= count <= _MOST_HOSTS:
        raise validation_error(
            f"The local cloud runs each host as a process of this machine, {_MOST_HOSTS} at most, not {count}"
        )
    if resources.get("KeepAlivePeriodInSeconds") and request.get("EnableManagedSpotTraining"):
        raise validation_error("KeepAlivePeriodInSeconds is not supported with EnableManagedSpotTraining")


def _check_container(algorithm: Mapping[str, Any]) -> None:
    given = [name for name in ("ContainerEntrypoint", "ContainerArguments") if algorithm.get(name)]
    if given:
        raise validation_error(
            f"The local cloud has no containers, so {' and '.join(given)} cannot be obeyed: it runs the command that "
            "its image map has for the image"
        )


def _check_distribution(hyperparameters: Mapping[str, str]) -> None:
    asked = [
        what
        for name, what in _DISTRIBUTIONS.items()
        if hyperparameters.get(f"sagemaker_{name}_enabled", "false").strip('"').lower() == "true"
    ]
    if "mp_parameters" in hyperparameters:
        asked.append("SageMaker's model parallel library")
    if asked:
        raise validation_error(
            f"The local cloud cannot distribute a training with {' and '.join(asked)}; torchrun "
            "(sagemaker_torch_distributed_enabled) and processes that find each other by SM_HOSTS run here"
        )


def _check_channel(channel: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    name = channel["ChannelName"]
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise validation_error(f"Channel {name}: only S3 data sources exist in the local cloud")
    mode = input_mode(channel, request)
    if mode == "Pipe":
        return
    if mode == "FastFile" and source["S3DataType"] != "S3Prefix":
        raise validation_error(f"Channel {name}: FastFile mode reads S3Prefix alone, not {source['S3DataType']}")
    if channel.get("CompressionType", "None") != "None":
        raise validation_error(f"Channel {name}: CompressionType is for Pipe mode only; the input mode is {mode}")
    if channel.get("RecordWrapperType", "None") != "None":
        raise validation_error(f"Channel {name}: RecordWrapperType is for Pipe mode only; the input mode is {mode}")
    if source["S3DataType"] == "AugmentedManifestFile":
        raise validation_error(f"Channel {name}: AugmentedManifestFile is for Pipe mode only; the input mode is {mode}")
