"""InputDataConfig and OutputDataConfig."""

from __future__ import annotations

from typing import Any

from gridwatch.launch.deployment import Deployment
from gridwatch.spec.channels import channel_uri
from gridwatch.spec.model import ExperimentSpec
from gridwatch.storage.layout import MODEL_PREFIX, s3_uri


def data_part(spec: ExperimentSpec, deployment: Deployment) -> dict[str, Any]:
    return {
        "InputDataConfig": [
            _channel(name, channel_uri(channel.uri, deployment.experiments_bucket), channel.content_type)
            for name, channel in spec.data.items()
        ],
        "OutputDataConfig": {"S3OutputPath": s3_uri(deployment.artifacts_bucket, MODEL_PREFIX.rstrip("/"))},
    }


def _channel(name: str, uri: str, content_type: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
        },
        "ContentType": content_type,
    }
