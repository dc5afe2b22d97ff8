"""A trial's identity: the same inputs give the same trial, whoever asks and however often."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LENGTH = 10  # hex digits; 40 bits
_ADDED = frozenset({"settings"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInputs:
    """Everything that distinguishes one trial from another. Rules, limits, resources and the hypothesis are not part of
    it.

    `channels`: for each channel the address and the digest of the objects' etags under it (see `data_digest`).
    `settings`: fields of the spec that differ between its trials, such as the instance type.
    """

    experiment: str
    image: str
    code_digest: str
    hyperparameters: Mapping[str, Any]
    channels: Mapping[str, Mapping[str, str]]
    repeat: int = 0
    revision: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


def trial_id(inputs: TrialInputs) -> str:
    """Ten hex digits of the SHA-256 of the inputs' canonical JSON (sorted keys, no spaces, 1 and 1.0 apart)."""
    # What was added later is left out where it says nothing, so that no trial became another one by it.
    document = {name: value for name, value in asdict(inputs).items() if name not in _ADDED or value}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]


def data_digest(etags: Mapping[str, str]) -> str:
    """The digest of a channel's objects, given as key to etag (or version id)."""
    canonical = json.dumps(sorted(etags.items()), separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
