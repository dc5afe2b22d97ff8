"""Where a channel's data is: an address of its own, or a place below `data/` of the experiments bucket."""

from __future__ import annotations

import re

from gridwatch.storage.layout import DATA_PREFIX, s3_uri

_ABSOLUTE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S*")
_RELATIVE = re.compile(r"(?!/)(?![a-zA-Z][a-zA-Z0-9+.-]*:)\S+")


def channel_problem(uri: str) -> str | None:
    """What is wrong with the address; None when nothing is."""
    if uri.startswith("s3://"):
        return None if _ABSOLUTE.fullmatch(uri) else "is not an S3 address"
    if not _RELATIVE.fullmatch(uri):
        return "is neither an S3 address nor a place below data/"
    if ".." in uri.split("/"):
        return "leaves data/"
    return None


def channel_uri(uri: str, experiments_bucket: str) -> str:
    """The address as SageMaker takes it."""
    return uri if uri.startswith("s3://") else s3_uri(experiments_bucket, DATA_PREFIX + uri)
