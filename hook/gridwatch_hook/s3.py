"""Stores tensors as objects below a prefix in S3."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from gridwatch_hook.parameters import ConfigError

_CONNECTIONS = 16  # the index objects that closing adds are put in parallel


class S3Sink:
    """Writes to `s3://bucket/prefix` with the container's own credentials."""

    flushes_per_second = 4.0
    every_index_object = False

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def create(cls, uri: str, region: str | None) -> S3Sink:
        """Create a sink. Raises ConfigError when `uri` names no bucket. When `region` is None, boto3 finds it by
        itself.
        """
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not bucket:
            raise ConfigError(f"{uri!r} names no bucket; expected s3://bucket/prefix")
        # The delivery retries on its own and waits between attempts; a request that hangs must not hold it up.
        config = Config(
            retries={"mode": "standard", "max_attempts": 2},
            connect_timeout=5,
            read_timeout=20,
            max_pool_connections=_CONNECTIONS,
        )
        prefix = key.rstrip("/")
        return cls(boto3.client("s3", region_name=region, config=config), bucket, f"{prefix}/" if prefix else "")

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}{key}", Body=body)

    def read(self, key: str) -> bytes | None:
        """Read an object. A key that does not exist raises boto3's exception."""
        return bytes(self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{key}")["Body"].read(10_000))

    def remove(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=f"{self._prefix}{key}")
