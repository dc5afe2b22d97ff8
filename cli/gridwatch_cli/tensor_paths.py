"""Tensor folders as people name them: a path, or an s3:// address in AWS or in the local cloud."""

from __future__ import annotations

from collections.abc import Callable

from gridwatch.tensors.layout import STEP_PREFIXES
from gridwatch.tensors.source import TensorSource, open_folder
from gridwatch_cli.context import Cloud

_OUTPUT = "debug-output"


def opener(cloud: Cloud) -> Callable[[str], TensorSource]:
    """Opens another job's tensors. What it gives raises FileNotFoundError for a folder that is not there."""
    return lambda location: open_location(tensors_in(location, cloud), cloud)


def open_location(location: str, cloud: Cloud) -> TensorSource:
    """The folder at a path or address."""
    if not location.startswith("s3://"):
        return open_folder(location)
    from gridwatch.aws.tensor_source import S3Source  # noqa: PLC0415  boto3 is slow to import

    return S3Source.at(cloud.session.s3, location)


def tensors_in(location: str, cloud: Cloud) -> str:
    """The location itself, or the `debug-output` in it when it is a job's whole output."""
    source = open_location(location, cloud)
    holds_steps = any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES)
    is_whole_output = source.keys(f"{_OUTPUT}/", limit=1) and not holds_steps
    return f"{location.rstrip('/')}/{_OUTPUT}" if is_whole_output else location
