"""The channel that holds an earlier model."""

from __future__ import annotations

from typing import Any

from gridwatch.spec.model import ExperimentSpec

MODEL_TYPE = "application/x-sagemaker-model"


def incremental_part(spec: ExperimentSpec, model_uri: str | None) -> dict[str, Any]:
    """The channel with an earlier model. `model_uri` is the address of the model that the spec continues from."""
    if spec.start_from is None or model_uri is None:
        return {}
    source = {"S3DataType": "S3Prefix", "S3Uri": model_uri, "S3DataDistributionType": "FullyReplicated"}
    channel = {
        "ChannelName": spec.start_from.channel,
        "DataSource": {"S3DataSource": source},
        "ContentType": MODEL_TYPE,
        "InputMode": "File",
    }
    return {"InputDataConfig": [channel]}
