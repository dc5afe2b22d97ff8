"""A tensor folder in S3."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gridwatch.aws.absence import is_absent
from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.failures import PermanentError
from gridwatch.storage.layout import tensor_prefix
from gridwatch.tensors.source import ByteRange, TensorSource, open_folder

_THREADS = 10  # botocore's connection pool holds as many
_PAGE = 1000


class S3Source:
    """The objects under `s3://bucket/prefix/` as a gridwatch.tensors.source.TensorSource.

    Raises gridwatch.failures errors for what cannot be reached.
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._pool: ThreadPoolExecutor | None = None

    @classmethod
    def at(cls, client: Any, uri: str) -> S3Source:
        """The folder at an `s3://bucket/prefix` address. Raises ValueError for any other."""
        scheme, _, rest = uri.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise ValueError(f"{uri!r} is no S3 address (s3://bucket/prefix)")
        return cls(client, bucket, prefix)

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Sequence[str]:
        request = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, "MaxKeys": min(limit or _PAGE, _PAGE)}
        if after:
            request["StartAfter"] = self._prefix + after
        found: list[str] = []
        while True:
            with translated():
                page = self._client.list_objects_v2(**request)
            found.extend(entry["Key"][len(self._prefix) :] for entry in page.get("Contents", ()))
            token = page.get("NextContinuationToken")
            if token is None or (limit is not None and len(found) >= limit):
                return found[:limit]
            request["ContinuationToken"] = token

    def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
        if len(ranges) <= 1:
            return [self._get(each) for each in ranges]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="tensors")
        return list(self._pool.map(self._get, ranges))

    def _get(self, place: ByteRange) -> bytes | None:
        request = {"Bucket": self._bucket, "Key": self._prefix + place.key}
        if place.length is not None:
            if place.length <= 0:
                return b""
            request["Range"] = f"bytes={place.start}-{place.start + place.length - 1}"
        elif place.start:
            request["Range"] = f"bytes={place.start}-"
        try:
            with translated():
                return bytes(self._client.get_object(**request)["Body"].read())
        except PermanentError as error:
            if error.code in ("InvalidRange", "416"):
                return b""  # the object is shorter than the start of the range
            if is_absent(self._client, self._bucket, request["Key"], error):
                return None
            raise


def job_source(bucket: str, job_name: str, tensors_uri: str | None) -> S3Source:
    """The tensors of a job: at the address that it has of its own, else where Gridwatch's own jobs write theirs."""
    if tensors_uri is not None:
        return S3Source.at(client("s3"), tensors_uri)
    return S3Source(client("s3"), bucket, tensor_prefix(job_name))


def open_source(location: str) -> TensorSource:
    """The folder at a path or an s3:// address, S3 with the process's own credentials. Raises FileNotFoundError."""
    return S3Source.at(client("s3"), location) if location.startswith("s3://") else open_folder(location)
