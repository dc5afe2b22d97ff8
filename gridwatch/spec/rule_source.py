"""The address of a custom rule's file: one in S3, or a path below `code/` of the experiments bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gridwatch.storage.layout import CODE_PREFIX, s3_uri

# Of a key, only what needs no quoting anywhere: it becomes a file's name.
_KEY = r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z_][A-Za-z0-9_-]*\.py"
_ABSOLUTE = re.compile(rf"s3://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]/{_KEY}")
_RELATIVE = re.compile(_KEY)
ALLOWED = "s3://bucket/path/file.py, or path/file.py below code/ of the experiments bucket"


def source_problem(source: str) -> str | None:
    """What is wrong with the address; None when nothing is."""
    if _ABSOLUTE.fullmatch(source) or _RELATIVE.fullmatch(source):
        return None
    return "is not the address of a Python file"


def source_uri(source: str, experiments_bucket: str) -> str:
    """The S3 address of the file."""
    return source if source.startswith("s3://") else s3_uri(experiments_bucket, CODE_PREFIX + source)


def is_allowed(uri: str, prefixes: Sequence[str]) -> bool:
    """Whether the deployment lets code at this address run. `prefixes` end with a slash."""
    return source_problem(uri) is None and any(uri.startswith(prefix) for prefix in prefixes)
