"""The reasons for which Gridwatch refused a spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gridwatch.storage import layout

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UNREADABLE = "why cannot be read, as the answer is damaged; upload it again"


def refusal_of(s3: S3Client, bucket: str, experiment: str) -> str | None:
    """The problems found in a spec uploaded as `experiments/<experiment>.<suffix>`, on one line; None if it has
    none.
    """
    for suffix in (*layout.SPEC_SUFFIXES, *(suffix.upper() for suffix in layout.SPEC_SUFFIXES)):
        key = layout.spec_error_key(f"{layout.SPEC_PREFIX}{experiment}{suffix}")
        try:
            document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except s3.exceptions.NoSuchKey:
            continue
        except (ValueError, RecursionError):
            return UNREADABLE
        with suppress(LookupError, TypeError, AttributeError):
            return "; ".join(_in_words(problem) for problem in document["problems"])
        return UNREADABLE
    return None


def _in_words(problem: Mapping[str, Any]) -> str:
    place = f"line {problem['line']}: " if problem.get("line") else ""
    field = f"{problem['field']}: " if problem.get("field") else ""
    return f"{place}{field}{problem['message']}"
