"""Chooses the trials that are audited: let run on after a stop was decided, to show what stops cost."""

from __future__ import annotations

import hashlib


def is_audited(experiment: str, trial_id: str, *, share: float, seed: int) -> bool:
    """Whether a trial is audited, chosen with probability `share` by its identity alone, so that everybody gets the
    same answer.
    """
    digest = hashlib.sha256(f"{seed} {experiment} {trial_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < share
