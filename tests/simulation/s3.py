"""S3 in memory: versions, ranges, listings, and an event for each object that is created."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.response import StreamingBody

from tests.simulation.errors import refused
from tests.simulation.stage import Stage


@dataclass(frozen=True, slots=True)
class Stored:
    content: bytes
    at: datetime
    version: str
    etag: str
    metadata: dict[str, str]


class S3:
    """S3 in memory. `announce` is called with each object that is created: bucket, key and what is stored."""

    def __init__(self, stage: Stage, announce: Callable[[str, str, Stored], None]) -> None:
        self.objects: dict[tuple[str, str], list[Stored]] = {}
        self._stage = stage
        self._announce = announce
        self._count = 0

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **request: Any) -> dict[str, Any]:
        kept = self.objects.get((Bucket, Key))
        expected = request.get("IfMatch")
        if (kept and "IfNoneMatch" in request) or (expected and not (kept and f'"{kept[-1].etag}"' == expected)):
            raise refused("PreconditionFailed", "At least one of the preconditions did not hold", status=412)
        self._count += 1
        etag = hashlib.md5(Body, usedforsecurity=False).hexdigest()
        # S3 tells the second at which an object was stored.
        at = self._stage.moment().replace(microsecond=0)
        stored = Stored(Body, at, f"v{self._count}", etag, request.get("Metadata", {}))
        self.objects.setdefault((Bucket, Key), []).append(stored)
        self._announce(Bucket, Key, stored)
        return {"ETag": f'"{etag}"', "VersionId": stored.version}

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None, Range: str = "") -> dict[str, Any]:
        stored = self._found(Bucket, Key, VersionId)
        content = stored.content
        if Range:
            first, _, last = Range.removeprefix("bytes=").partition("-")
            if int(first) >= len(content):
                raise refused("InvalidRange", "The requested range is not satisfiable", status=416)
            content = content[int(first) : int(last) + 1 if last else None]
        body = StreamingBody(io.BytesIO(content), len(content))
        return {"Body": body, **_told(stored)}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if not self.objects.get((Bucket, Key)):
            raise refused("404", "Not Found", status=404)
        return _told(self.objects[Bucket, Key][-1])

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        self.objects.pop((Bucket, Key), None)
        return {}

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "", **request: Any) -> dict[str, Any]:
        after = request.get("ContinuationToken") or request.get("StartAfter", "")
        keys = sorted(
            key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix) and key > after
        )
        page = keys[: request.get("MaxKeys", 1000)]
        latest = [(key, self.objects[Bucket, key][-1]) for key in page]
        contents = [
            {"Key": key, "Size": len(each.content), "ETag": f'"{each.etag}"', "LastModified": each.at}
            for key, each in latest
        ]
        return {"Contents": contents} | ({"NextContinuationToken": page[-1]} if len(page) < len(keys) else {})

    def _found(self, bucket: str, key: str, version: str | None) -> Stored:
        kept = self.objects.get((bucket, key), [])
        for stored in reversed(kept):
            if version in (None, stored.version):
                return stored
        code = "NoSuchVersion" if kept else "NoSuchKey"
        raise refused(code, "The specified key does not exist.", status=404)


def _told(stored: Stored) -> dict[str, Any]:
    return {
        "LastModified": stored.at,
        "ETag": f'"{stored.etag}"',
        "VersionId": stored.version,
        "Metadata": stored.metadata,
        "ContentLength": len(stored.content),
    }
