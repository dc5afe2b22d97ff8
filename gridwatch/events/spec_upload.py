"""S3's `Object Created` event, as EventBridge hands it over: directly, or through an SQS queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.storage.layout import is_spec_key


@dataclass(frozen=True, slots=True)
class SpecUpload:
    """The upload of a spec. `version` is the object's version id, or its etag in a bucket without versions."""

    bucket: str
    key: str
    version: str
    version_id: str | None


def unwrapped(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The EventBridge events inside a Lambda event: the event itself, or the bodies of its SQS records."""
    if "Records" not in event:
        yield event
        return
    for record in event["Records"]:
        body = record.get("body")
        yield json.loads(body) if isinstance(body, str) else record


def spec_upload(event: Mapping[str, Any]) -> SpecUpload | None:
    """The upload in an event; None when it is none of a spec. The key is not URL-encoded here, unlike in S3's
    notifications.
    """
    if event.get("source") != "aws.s3" or event.get("detail-type") != "Object Created":
        return None
    detail = _fields(event, "detail")
    stored, bucket = _fields(detail, "object"), _fields(detail, "bucket").get("name")
    key = stored.get("key")
    if not isinstance(key, str) or not isinstance(bucket, str) or not is_spec_key(key):
        return None
    version_id, etag = stored.get("version-id") or None, stored.get("etag", "")
    if not isinstance(version_id, str | None) or not isinstance(etag, str):
        return None
    return SpecUpload(bucket, key, version_id or etag, version_id)


def _fields(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name)
    return found if isinstance(found, Mapping) else {}
