"""The bucket of the analytic tables in S3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gridwatch.aws.absence import is_absent
from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch_rules.failures import PermanentError

_TYPES = {".parquet": "application/vnd.apache.parquet", ".gz": "application/gzip"}
_UNKNOWN = "application/octet-stream"


class S3TableBucket:
    """Puts tables and says when each was put. One PUT replaces an object whole: readers see the old or the new one.

    Raises gridwatch_rules.failures errors.
    """

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def put(self, key: str, path: Path) -> None:
        # put_object, not upload_file: the latter cuts large files into parts, and S3 announces those as other events.
        with path.open("rb") as content, translated():
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType=_TYPES.get(Path(key).suffix, _UNKNOWN)
            )

    def get(self, key: str, path: Path) -> bool:
        """Fetch an object into a file; False when there is none."""
        try:
            with translated(), path.open("wb") as file:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)
        except PermanentError as error:
            path.unlink()
            if is_absent(self._client, self._bucket, key, error):
                return False
            raise
        return True

    def written_at(self, prefix: str) -> Mapping[str, datetime]:
        """When each object under the prefix was put, by key."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        with translated():
            return {found["Key"]: found["LastModified"] for page in pages for found in page.get("Contents", ())}

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")
