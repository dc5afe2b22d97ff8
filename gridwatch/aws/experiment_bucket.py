"""The experiments bucket on S3: uploaded specs, Gridwatch's answers, and the objects under a channel's address."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.data_source import S3Data
from gridwatch.aws.errors import WRITTEN_MEANWHILE, translated
from gridwatch.launch.ports import StoredSpec
from gridwatch.storage.data_source import DataSource
from gridwatch.storage.layout import SOURCE_METADATA, SPEC_PREFIX, split_s3_uri
from gridwatch_rules.failures import NotFoundError, PermanentError, TransientError

_REVISIONS = 10
# What S3 says to a conditional write that came too late: another object is there, another write is going on, and the
# object is gone.


class S3ExperimentBucket:
    """Implements `gridwatch.launch.ports.ExperimentBucket`."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self.name = bucket
        self._client = s3

    def read_spec(self, key: str, version: str | None, *, max_bytes: int) -> StoredSpec:
        chosen = {"VersionId": version} if version else {}
        with translated():
            # One byte more than allowed shows that the object is larger without fetching all of it.
            answer = self._s3.get_object(Bucket=self.name, Key=key, **chosen)
            with answer["Body"] as body:
                source = answer.get("Metadata", {}).get(SOURCE_METADATA)
                return StoredSpec(body.read(max_bytes + 1), answer["LastModified"], source)

    def current_version(self, key: str) -> str | None:
        try:
            with translated():
                head = self._s3.head_object(Bucket=self.name, Key=key)
        except NotFoundError:
            return None
        except PermanentError as error:
            # Without the right to list, S3 answers 403 for a key that is gone.
            if error.code in ("403", "AccessDenied"):
                return None
            raise
        version = head.get("VersionId")
        return None if version in (None, "null") else str(version)

    def specs(self) -> Mapping[str, datetime]:
        with translated():
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=SPEC_PREFIX)
            return {item["Key"]: item["LastModified"] for page in pages for item in page.get("Contents", ())}

    def etags(self, uri: str) -> Mapping[str, str]:
        bucket, prefix = split_s3_uri(uri)
        found: dict[str, str] = {}
        with translated():
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                # A key that ends in / is a folder as consoles make them, without data.
                objects = (item for item in page.get("Contents", ()) if not item["Key"].endswith("/"))
                found.update((item["Key"], item["ETag"].strip('"')) for item in objects)
        return found

    def data(self, *uris: str) -> DataSource:
        return S3Data(*uris, s3=self._client)

    def version_of(self, uri: str, etag: str) -> str | None:
        bucket, key = split_s3_uri(uri)
        try:
            with translated():
                head = self._s3.head_object(Bucket=bucket, Key=key)
        except PermanentError:
            return None
        version = head.get("VersionId")
        same = head["ETag"].strip('"') == etag
        return str(version) if same and version not in (None, "null") else None

    def write_fingerprint(self, key: str, content: bytes) -> None:
        with translated():
            self._s3.put_object(Bucket=self.name, Key=key, Body=content, ContentType="application/json")

    def write_window(self, key: str, content: bytes) -> None:
        with translated():
            self._s3.put_object(Bucket=self.name, Key=key, Body=content, ContentType="application/json")

    def write_answer(self, key: str, document: Mapping[str, Any]) -> None:
        body = json.dumps(document, indent=2, ensure_ascii=False).encode()
        with translated():
            self._s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")

    def revise_answer(self, key: str, revised: Callable[[Mapping[str, Any] | None], Mapping[str, Any] | None]) -> None:
        for _ in range(_REVISIONS):
            former, etag = self._read_answer(key)
            document = revised(former)
            if document is None:
                return
            body = json.dumps(document, indent=2, ensure_ascii=False).encode()
            unchanged = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                with translated():
                    self._s3.put_object(
                        Bucket=self.name, Key=key, Body=body, ContentType="application/json", **unchanged
                    )
            except PermanentError as error:
                if error.code not in WRITTEN_MEANWHILE:
                    raise
            else:
                return
        raise TransientError(f"{key} is written to all the time")

    def read_answer(self, key: str) -> Mapping[str, Any] | None:
        return self._read_answer(key)[0]

    def _read_answer(self, key: str) -> tuple[Mapping[str, Any] | None, str]:
        """The document and its etag. One that is no answer counts as absent, and its etag lets it be replaced."""
        try:
            with translated():
                answer = self._s3.get_object(Bucket=self.name, Key=key)
                with answer["Body"] as body:
                    document = _as_answer(body.read())
        except NotFoundError:
            return None, ""
        except PermanentError as error:
            # Who may list a part of the bucket only is told 403 for a key that is not there.
            if error.code in ("403", "AccessDenied"):
                return None, ""
            raise
        return document, str(answer["ETag"])

    def delete_answer(self, key: str) -> None:
        with translated():
            self._s3.delete_object(Bucket=self.name, Key=key)

    @property
    def _s3(self) -> Any:
        return self._client or client("s3")


def _as_answer(content: bytes) -> Mapping[str, Any] | None:
    """The JSON object in a document; None for any other content."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
