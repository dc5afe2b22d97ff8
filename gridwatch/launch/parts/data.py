"""The parts InputDataConfig and OutputDataConfig."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gridwatch.launch.deployment import Deployment
from gridwatch.launch.windows import window_manifest
from gridwatch.spec.channels import channel_uri
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.data import Channel
from gridwatch.storage.layout import MODEL_PREFIX, s3_uri

_KINDS = {"prefix": "S3Prefix", "manifest": "ManifestFile", "augmented_manifest": "AugmentedManifestFile"}


def data_part(spec: ExperimentSpec, deployment: Deployment, etags: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The data's part of the request. `etags` are for each channel its objects' keys and etags."""
    output: dict[str, Any] = {"S3OutputPath": s3_uri(deployment.artifacts_bucket, MODEL_PREFIX.rstrip("/"))}
    if spec.resources.output_key is not None:
        output["KmsKeyId"] = spec.resources.output_key
    if not spec.resources.compress_output:
        output["CompressionType"] = "NONE"
    channels = [_channel(name, channel, deployment, etags.get(name, {})) for name, channel in spec.data.items()]
    return {**({"InputDataConfig": channels} if channels else {}), "OutputDataConfig": output}


def _channel(name: str, channel: Channel, deployment: Deployment, keys: Iterable[str]) -> dict[str, Any]:
    """One channel. Only what the spec says is sent: SageMaker has defaults of its own."""
    told: dict[str, Any] = {"ChannelName": name, "DataSource": _source(channel, deployment, keys)}
    if channel.content_type is not None:
        told["ContentType"] = channel.content_type
    if channel.input_mode is not None:
        told["InputMode"] = channel.input_mode
    if channel.record_wrapper is not None:
        told["RecordWrapperType"] = channel.record_wrapper
    if channel.compression is not None:
        told["CompressionType"] = channel.compression.capitalize()
    if channel.shuffle_seed is not None:
        told["ShuffleConfig"] = {"Seed": channel.shuffle_seed}
    return told


def _source(channel: Channel, deployment: Deployment, keys: Iterable[str]) -> dict[str, Any]:
    if channel.file_system is not None:
        system = channel.file_system
        return {
            "FileSystemDataSource": {
                "FileSystemId": system.id,
                "FileSystemType": system.type,
                "DirectoryPath": system.path,
                "FileSystemAccessMode": system.access,
            }
        }
    kind, uri = channel.kind, channel_uri(channel.uri or "", deployment.experiments_bucket)
    if channel.window is not None:
        key, _ = window_manifest(channel, deployment.experiments_bucket, keys)
        kind, uri = "manifest", s3_uri(deployment.experiments_bucket, key)
    source: dict[str, Any] = {
        "S3DataType": _KINDS[kind],
        "S3Uri": uri,
        "S3DataDistributionType": "ShardedByS3Key" if channel.sharded else "FullyReplicated",
    }
    if channel.attributes is not None:
        source["AttributeNames"] = channel.attributes
    if channel.instance_groups is not None:
        source["InstanceGroupNames"] = channel.instance_groups
    return {"S3DataSource": source}
