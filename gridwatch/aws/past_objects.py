"""Former versions of objects on S3 and of images in Amazon ECR: which still exist, and how they are restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.aws.errors import translated
from gridwatch.aws.experiment_bucket import S3ExperimentBucket
from gridwatch.aws.image_registry import image_version
from gridwatch.reproduce.differences import Copy
from gridwatch.reproduce.fingerprint import ImageVersion
from gridwatch.storage.layout import split_s3_uri
from gridwatch_rules.failures import NotFoundError, PermanentError

# S3 says 400 or 403 for a version that never was or may not be told of: the caller's rights, or another bucket's ids.
_NO_VERSION = ("400", "InvalidArgument", "NoSuchVersion", "405", "MethodNotAllowed")


class S3PastObjects:
    """Implements `gridwatch.reproduce.differences.Archive` and `gridwatch.reproduce.rerunning.Restorer`."""

    def __init__(self, s3: Any, ecr: Any) -> None:
        self._s3 = s3
        self._ecr = ecr

    def etags(self, uri: str) -> Mapping[str, str]:
        bucket, _ = split_s3_uri(uri)
        return S3ExperimentBucket(bucket, self._s3).etags(uri)

    def version(self, uri: str, etag: str, known: str | None) -> str | None:
        bucket, key = split_s3_uri(uri)
        if known is not None and self.has_version(uri, known):
            return known
        with translated():
            for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
                for item in page.get("Versions", ()):
                    if item["Key"] == key and item["ETag"].strip('"') == etag:
                        return str(item["VersionId"])
        return None

    def has_version(self, uri: str, version: str) -> bool:
        bucket, key = split_s3_uri(uri)
        try:
            with translated():
                self._s3.head_object(Bucket=bucket, Key=key, VersionId=version)
        except NotFoundError:
            return False
        except PermanentError as error:
            if error.code in _NO_VERSION:
                return False
            raise
        return True

    def image(self, address: str) -> ImageVersion:
        return image_version(address, self._ecr)

    def copy(self, bucket: str, source: Copy, to: str) -> None:
        target, key = split_s3_uri(to)
        which = {"Bucket": bucket, "Key": source.key}
        if source.version not in ("", "null"):
            which["VersionId"] = source.version
        with translated():
            self._s3.copy(which, target, key)  # in parts, where it is larger than one call copies

    def write(self, uri: str, content: bytes) -> None:
        bucket, key = split_s3_uri(uri)
        with translated():
            self._s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")
