"""Which trial a point is: the same inputs are the same trial, whoever asks and however often."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LENGTH = 10  # hex digits; 40 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInputs:
    """Everything that makes a trial another one. Rules, limits, resources and the hypothesis are not part of it.

    `channels`: for each channel the address and the digest of the objects' etags under it (see `data_digest`).
    """

    experiment: str
    image: str
    code_digest: str
    hyperparameters: Mapping[str, Any]
    channels: Mapping[str, Mapping[str, str]]
    repeat: int = 0
    revision: int = 0


def trial_id(inputs: TrialInputs) -> str:
    """10 hex digits of the SHA-256 of the inputs' canonical JSON (sorted keys, no spaces, 1 and 1.0 apart)."""
    canonical = json.dumps(asdict(inputs), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]


def data_digest(etags: Mapping[str, str]) -> str:
    """The digest of a channel's objects: key to etag (or version id)."""
    canonical = json.dumps(sorted(etags.items()), separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
