"""S3 with versions and an image registry, in memory, as `gridwatch rerun` needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from gridwatch.reproduce.differences import Copy
from gridwatch.reproduce.fingerprint import ImageVersion
from gridwatch.storage.layout import s3_uri


class FakePast:
    """The past in memory. `versions`: by address what it was, oldest first, as version and etag; the last one exists
    now. `deleted`: addresses that have no object now. `images`: digest by address.
    """

    def __init__(self) -> None:
        self.versions: dict[str, list[tuple[str, str]]] = {}
        self.deleted: set[str] = set()
        self.images: dict[str, str] = {}
        self.written: dict[str, bytes] = {}

    def put(self, uri: str, etag: str, version: str | None = None) -> None:
        known = self.versions.setdefault(uri, [])
        known.append((version or f"v{len(known) + 1}", etag))

    def etags(self, uri: str) -> Mapping[str, str]:
        found = {each: known[-1][1] for each, known in self.versions.items() if known and each not in self.deleted}
        return {each.split("/", 3)[3]: etag for each, etag in found.items() if each.startswith(uri)}

    def version(self, uri: str, etag: str, known: str | None) -> str | None:
        found = [version for version, each in self.versions.get(uri, []) if each == etag]
        return known if known in found else next(iter(found), None)

    def has_version(self, uri: str, version: str) -> bool:
        return version in [each for each, _ in self.versions.get(uri, [])]

    def image(self, address: str) -> ImageVersion:
        if digest := self.images.get(address):
            return ImageVersion(address, digest)
        return ImageVersion(address, note="the registry says ImageNotFound")

    def copy(self, bucket: str, source: Copy, to: str) -> None:
        etags = dict(self.versions[s3_uri(bucket, source.key)])
        self.put(to, etags[source.version])

    def write(self, uri: str, content: bytes) -> None:
        self.written[uri] = content
        self.put(uri, hashlib.sha256(content).hexdigest())
