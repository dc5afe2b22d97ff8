"""A tensor folder in S3."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any

from gridwatch.aws.absence import is_absent
from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.storage.layout import log_metric_prefix, s3_uri, tensor_prefix
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.layout import COLLECTIONS_PREFIX, INDEX_PREFIX
from gridwatch_rules.tensors.source import ByteRange, TensorSource, open_folder

_THREADS = 10  # botocore's connection pool holds as many
_PAGE = 1000
_MOST = 192 * 1024 * 1024  # bytes read at once: a function has 1,024 MB, and rules make copies of what they look at


class _Budget:
    """The number of bytes that one call may still read: neither the job's files nor its index are trusted."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._lock = Lock()

    def take(self, size: int, key: str) -> None:
        """Count bytes that are about to be read. Raises CorruptTensorError when they are too many."""
        with self._lock:
            self._left -= size
            if self._left < 0:
                reason = f"more than {_MOST:,} bytes would have to be read at once; save reductions or fewer tensors"
                raise CorruptTensorError(key, reason)


class S3Source:
    """The objects under `s3://bucket/prefix/` as a gridwatch_rules.tensors.source.TensorSource.

    Raises gridwatch_rules.failures errors when S3 cannot be reached, and CorruptTensorError for more than a function
    can hold.
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
        budget = _Budget(_MOST)
        if len(ranges) <= 1:
            return [self._get(each, budget) for each in ranges]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="tensors")
        return list(self._pool.map(partial(self._get, budget=budget), ranges))

    def _get(self, place: ByteRange, budget: _Budget) -> bytes | None:
        request = {"Bucket": self._bucket, "Key": self._prefix + place.key}
        if place.length is not None:
            if place.length <= 0:
                return b""
            request["Range"] = f"bytes={place.start}-{place.start + place.length - 1}"
        elif place.start:
            request["Range"] = f"bytes={place.start}-"
        try:
            with translated():
                answer = self._client.get_object(**request)
                budget.take(answer["ContentLength"], place.key)
                return bytes(answer["Body"].read())
        except PermanentError as error:
            if error.code in ("InvalidRange", "416"):
                return b""  # the object is shorter than the start of the range
            if is_absent(self._client, self._bucket, request["Key"], error):
                return None
            raise


def job_source(bucket: str, job_name: str, tensors_uri: str | None) -> S3Source:
    """The tensors of a job: at the job's own address if it has one, else where Gridwatch's jobs write theirs."""
    if tensors_uri is not None:
        return S3Source.at(client("s3"), tensors_uri)
    return S3Source(client("s3"), bucket, tensor_prefix(job_name))


def log_source(bucket: str, job_name: str) -> S3Source:
    """The metrics recorded from the job's log."""
    return S3Source(client("s3"), bucket, log_metric_prefix(job_name))


def custom_rule_location(bucket: str, job_name: str) -> str:
    """Where a custom rule finds its tensors: the job's own, or the metrics from its log when it has none."""
    log = log_metric_prefix(job_name)
    logged_alone = not S3Source(client("s3"), bucket, tensor_prefix(job_name)).keys(COLLECTIONS_PREFIX, limit=1) and (
        S3Source(client("s3"), bucket, log).keys(INDEX_PREFIX, limit=1)
    )
    return s3_uri(bucket, (log if logged_alone else tensor_prefix(job_name)).rstrip("/"))


def open_source(location: str) -> TensorSource:
    """The folder at a path or an s3:// address, S3 with the process's own credentials. Raises FileNotFoundError."""
    return S3Source.at(client("s3"), location) if location.startswith("s3://") else open_folder(location)
