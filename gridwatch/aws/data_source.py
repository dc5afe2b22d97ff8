"""A channel's data on S3, as preflight reads it: sizes from the listing, bytes by ranged reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.storage.data_source import DataFile
from gridwatch.storage.layout import split_s3_uri


class S3Data:
    """Implements `gridwatch.storage.data_source.DataSource` for addresses `s3://bucket/prefix` of one bucket."""

    def __init__(self, *uris: str, s3: Any = None) -> None:
        self._bucket, _ = split_s3_uri(uris[0])
        self._prefixes = [split_s3_uri(uri)[1] for uri in uris]
        self._client = s3

    def files(self) -> Sequence[DataFile]:
        with translated():
            return [file for prefix in self._prefixes for file in self._below(prefix)]

    def _below(self, prefix: str) -> Iterator[DataFile]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            # A key that ends in / is a folder as consoles make them, without data.
            objects = (item for item in page.get("Contents", ()) if not item["Key"].endswith("/"))
            yield from (DataFile(item["Key"], item["Size"]) for item in objects)

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
