"""The address of a channel's data: one of its own, or a place below `data/` of the experiments bucket."""

from __future__ import annotations

import re

from gridwatch.spec.addresses import is_prefix
from gridwatch.storage.layout import DATA_PREFIX, s3_uri

_RELATIVE = re.compile(r"(?![/\s])(?![a-zA-Z][a-zA-Z0-9+.-]*:)[^\x00-\x1f\x7f]+(?<!\s)")


def channel_problem(uri: str) -> str | None:
    """What is wrong with the address; None when nothing is."""
    if uri.startswith("s3://"):
        return None if is_prefix(uri) else "is not an S3 address"
    if uri.startswith("https://") and "amazonaws.com" in uri:
        return "is a web address; write it as s3://bucket/prefix"
    if not _RELATIVE.fullmatch(uri):
        return "is neither an S3 address nor a place below data/"
    if ".." in uri.split("/"):
        return "leaves data/"
    return None


def channel_uri(uri: str, experiments_bucket: str) -> str:
    """The channel's address as SageMaker accepts it."""
    return uri if uri.startswith("s3://") else s3_uri(experiments_bucket, DATA_PREFIX + uri)
