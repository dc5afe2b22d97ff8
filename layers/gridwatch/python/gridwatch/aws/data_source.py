"""A channel's data on S3, as preflight reads it: sizes from the listing, bytes by ranged reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.preflight.sampling import DataFile
from gridwatch.storage.layout import split_s3_uri


class S3Data:
    """Implements `gridwatch.preflight.sampling.DataSource` for an address `s3://bucket/prefix`."""

    def __init__(self, uri: str, s3: Any = None) -> None:
        self._bucket, self._prefix = split_s3_uri(uri)
        self._client = s3

    def files(self) -> Sequence[DataFile]:
        found: list[DataFile] = []
        with translated():
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
                # A key that ends in / is a folder as consoles make them, without data.
                objects = (item for item in page.get("Contents", ()) if not item["Key"].endswith("/"))
                found.extend(DataFile(item["Key"], item["Size"]) for item in objects)
        return found

    def read(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        with translated():
            answer = self._s3.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
            with answer["Body"] as body:
                return bytes(body.read())

    @property
    def _s3(self) -> Any:
        return self._client or client("s3")
