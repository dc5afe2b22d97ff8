"""Addresses in S3 as SageMaker accepts them: what is valid in one field of a spec is valid in every one."""

from __future__ import annotations

import re

_BUCKET = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
# SageMaker's own pattern is (https|s3)://([^/]+)/?(.*): a key may hold blanks and letters of every alphabet, and there
# may be none. A dot matches no line break, and neither does anything that a terminal would obey stand in an address.
_KEY = r"[^\x00-\x1f\x7f]"
_PREFIX = re.compile(rf"{_BUCKET}(?:/{_KEY}*)?")
_OBJECT = re.compile(rf"{_BUCKET}/{_KEY}+")


def is_prefix(uri: str) -> bool:
    """Whether the address is a bucket, or a place in one."""
    return _PREFIX.fullmatch(uri) is not None


def is_object(uri: str) -> bool:
    """Whether the address is a place in a bucket, and not the bucket as a whole."""
    return _OBJECT.fullmatch(uri) is not None


def is_archive(uri: str) -> bool:
    """Whether the address is a packed script's, by its name."""
    return is_object(uri) and uri.endswith(".tar.gz")
