"""Fetches the file of a custom rule from S3 into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.storage.layout import split_s3_uri
from gridwatch_rules.failures import PermanentError

MAX_CODE = 1024 * 1024  # bytes


def fetch_code(source: str, folder: Path, s3: Any = None) -> Path:
    """The file at an S3 address, saved in `folder` under its own name. Raises gridwatch_rules.failures errors."""
    bucket, key = split_s3_uri(source)
    with translated():
        content: bytes = (s3 or client("s3")).get_object(Bucket=bucket, Key=key)["Body"].read(MAX_CODE + 1)
    if len(content) > MAX_CODE:
        raise PermanentError(f"{source} is longer than {MAX_CODE:,} bytes")
    file = folder / key.rpartition("/")[2]
    file.write_bytes(content)
    return file
