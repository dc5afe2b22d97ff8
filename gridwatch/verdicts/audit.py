"""Which trials are let run on after a stop was decided, so that it shows what the stops cost."""

from __future__ import annotations

import hashlib


def is_audited(experiment: str, trial_id: str, *, share: float, seed: int) -> bool:
    """Chosen by the trial's identity alone, so that whoever asks is told the same; each with probability `share`."""
    digest = hashlib.sha256(f"{seed} {experiment} {trial_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < share
