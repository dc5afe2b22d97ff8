"""Other folders on S3 that rules read: a job's profile and heartbeats, and the tensors of another job."""

from __future__ import annotations

import re

from gridwatch.aws.clients import client
from gridwatch.aws.tensor_source import S3Source
from gridwatch.storage.layout import heartbeat_prefix, profile_prefix


def profile_source(bucket: str, job_name: str, tensors_uri: str | None) -> S3Source:
    """The profile of a job, which lies beside its tensors."""
    if tensors_uri is not None:
        return S3Source.at(client("s3"), f"{tensors_uri.rstrip('/').removesuffix('/debug-output')}/profiler-output")
    return S3Source(client("s3"), bucket, profile_prefix(job_name))


def heartbeat_source(bucket: str, job_name: str, tensors_uri: str | None) -> S3Source:
    """The heartbeats of a job's ranks, which lie beside its tensors."""
    if tensors_uri is not None:
        return S3Source.at(client("s3"), f"{tensors_uri.rstrip('/').removesuffix('/debug-output')}/heartbeat-output")
    return S3Source(client("s3"), bucket, heartbeat_prefix(job_name))


def neighbour_source(bucket: str, location: str) -> S3Source:
    """The tensors of another job, for a rule that compares jobs. Raises LookupError if no such job is the
    deployment's.
    """
    if not re.fullmatch(rf"s3://{re.escape(bucket)}/tensors/[A-Za-z0-9-]+/debug-output/?", location):
        raise LookupError(f"{location}: only tensors of this deployment's jobs can be compared")
    return S3Source.at(client("s3"), location)
