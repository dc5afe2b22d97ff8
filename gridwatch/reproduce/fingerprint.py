"""The fingerprint of an upload's trials: everything that their jobs were made of, as it was when the spec was accepted.

It is kept as a file under its own digest and never changed. A trial's hyperparameters and settings are on its record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridwatch.domain.rules import RulePolicy
from gridwatch.state.codec import from_json, to_json
from gridwatch.storage.layout import fingerprint_key

MAX_OBJECTS = 10_000  # of a channel that are named one by one; of more there is the digest alone
MAX_VERSIONS = 20  # of a channel whose version ids are asked for, one call each; the others are found by their etags


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """The version of an object. `version` is None where it was not asked for or the bucket keeps none."""

    key: str
    etag: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The objects under an address that jobs read. `digest` covers all objects' keys and etags."""

    name: str  # of the channel; `code` for the script's archive
    uri: str
    kind: str = "prefix"  # prefix, manifest, augmented_manifest, window, file_system, code, hook
    count: int = 0
    digest: str = ""
    objects: tuple[ObjectVersion, ...] = ()  # none of more than MAX_OBJECTS


@dataclass(frozen=True, slots=True)
class ImageVersion:
    """The version of an image. `digest` is the registry's for the tag; where it is None, `note` says why."""

    address: str
    digest: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    experiment: str
    spec_key: str
    spec_version: str
    spec_digest: str  # SHA-256 of its bytes
    region: str
    account: str
    release: str  # of Gridwatch
    images: tuple[ImageVersion, ...]
    code: Recorded | None
    code_digest: str
    data: tuple[Recorded, ...]
    document: Mapping[str, Any]  # the normalized spec
    template: Mapping[str, Any]
    policies: tuple[RulePolicy, ...]
    hook: Recorded | None = None  # as it is brought into the jobs; its name is the channel's
    hook_version: str = ""
    engine: str = "gridwatch"
    own_fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return hashlib.sha256(to_json(self).encode()).hexdigest()

    @property
    def key(self) -> str:
        return fingerprint_key(self.experiment, self.digest)

    def image(self, address: str) -> ImageVersion:
        """The recorded version of one of its images."""
        known = next((image for image in self.images if image.address == address), None)
        return known or ImageVersion(address, note="not recorded")

    def to_bytes(self) -> bytes:
        return to_json(self).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Fingerprint:
        """The fingerprint in a file. Raises ValueError when the file holds none."""
        return from_json(cls, content.decode())
