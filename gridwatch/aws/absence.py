"""Tells whether an object is missing, when S3 only says that it may not be read.

Without s3:ListBucket on the whole bucket S3 answers 403 for a key that is not there (S3 API reference, GetObject,
Permissions), and our roles list below prefixes alone: the request for an object has no prefix.
"""

from __future__ import annotations

from typing import Any

from gridwatch.aws.errors import translated
from gridwatch_rules.failures import NotFoundError, PermanentError


def is_absent(s3: Any, bucket: str, key: str, error: PermanentError) -> bool:
    """Whether `error`, which reading the key raised, means that nothing is there. The caller may list it."""
    if isinstance(error, NotFoundError):
        return True
    if error.code not in ("403", "AccessDenied"):
        return False
    with translated():
        found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    # The first that begins so: the key itself comes before all longer ones.
    return [each["Key"] for each in found.get("Contents", ())] != [key]
