"""Tensor folders as people name them: a path, or an s3:// address in AWS or in the local cloud."""

from __future__ import annotations

from collections.abc import Callable

from gridwatch.cli.context import Cloud
from gridwatch_rules.tensors.layout import STEP_PREFIXES
from gridwatch_rules.tensors.source import TensorSource, open_folder

_OUTPUTS = ("debug-output", "log-output")  # what the hook saved, and what was read from the log


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
    """The location itself; of a job's whole output what its hook saved, else what was read from its log."""
    source = open_location(location, cloud)
    if any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES):
        return location
    found = next((name for name in _OUTPUTS if source.keys(f"{name}/", limit=1)), None)
    return f"{location.rstrip('/')}/{found}" if found else location
