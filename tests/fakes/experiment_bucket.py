"""The experiments bucket in memory, with versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gridwatch.events.spec_upload import SpecUpload
from gridwatch.launch.ports import StoredSpec
from gridwatch.storage.data_source import DataFile, DataSource
from gridwatch.storage.layout import split_s3_uri
from gridwatch_rules.failures import NotFoundError

_CLEAN = b"".join(b"%d,%d.5,%d\n" % (row % 2, row * 7 % 11, row * 5 % 13) for row in range(20))


class FakeData:
    """A channel's files in memory, by key."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents

    def files(self) -> Sequence[DataFile]:
        return [DataFile(key, len(content)) for key, content in self._contents.items()]

    def read(self, key: str, start: int, length: int) -> bytes:
        return self._contents[key][start : start + length]


class FakeExperimentBucket:
    """The bucket in memory. `objects`: address to etag, of data sets in any bucket. `answers`: what was written, by
    key.
    """

    def __init__(self, name: str = "experiments-bucket") -> None:
        self.name = name
        self.specs_by_key: dict[str, list[tuple[str, StoredSpec]]] = {}
        self.objects: dict[str, str] = {}
        self.contents: dict[str, bytes] = {}  # of data sets, by address; the others hold a few clean rows
        self.answers: dict[str, Any] = {}
        self.windows: dict[str, bytes] = {}
        self.fingerprints: dict[str, bytes] = {}
        self.writes: list[str] = []

    def upload(self, key: str, content: str | bytes, at: datetime) -> SpecUpload:
        versions = self.specs_by_key.setdefault(key, [])
        raw = content.encode() if isinstance(content, str) else content
        version = f"v{len(versions) + 1}-{hashlib.sha256(raw).hexdigest()[:6]}"
        versions.append((version, StoredSpec(raw, at)))
        return SpecUpload(self.name, key, version, version)

    def add_data(self, *names: str) -> None:
        for name in names:
            self.objects[f"s3://{self.name}/data/{name}"] = hashlib.md5(
                name.encode(), usedforsecurity=False
            ).hexdigest()

    def read_spec(self, key: str, version: str | None, *, max_bytes: int) -> StoredSpec:
        for known, stored in self.specs_by_key.get(key, []):
            if known == version:
                return StoredSpec(stored.content[: max_bytes + 1], stored.uploaded_at)
        raise NotFoundError(f"{key} has no version {version}", code="NoSuchVersion")

    def current_version(self, key: str) -> str | None:
        versions = self.specs_by_key.get(key)
        return versions[-1][0] if versions else None

    def specs(self) -> Mapping[str, datetime]:
        return {key: versions[-1][1].uploaded_at for key, versions in self.specs_by_key.items()}

    def etags(self, uri: str) -> Mapping[str, str]:
        return {split_s3_uri(address)[1]: etag for address, etag in self.objects.items() if address.startswith(uri)}

    def data(self, *uris: str) -> DataSource:
        found = {address: self.contents.get(address, _CLEAN) for address in self.objects if address.startswith(uris)}
        return FakeData({split_s3_uri(address)[1]: content for address, content in found.items()})

    def version_of(self, uri: str, etag: str) -> str | None:
        return f"of-{etag[:6]}" if self.objects.get(uri) == etag else None

    def write_fingerprint(self, key: str, content: bytes) -> None:
        self.fingerprints[key] = content

    def write_window(self, key: str, content: bytes) -> None:
        self.windows[key] = content

    def write_answer(self, key: str, document: Mapping[str, Any]) -> None:
        self.writes.append(key)
        self.answers[key] = json.loads(json.dumps(document))

    def revise_answer(self, key: str, revised: Callable[[Any], Any]) -> None:
        document = revised(self.answers.get(key))
        if document is not None:
            self.write_answer(key, document)

    def read_answer(self, key: str) -> Mapping[str, Any] | None:
        return self.answers.get(key)

    def delete_answer(self, key: str) -> None:
        self.answers.pop(key, None)
