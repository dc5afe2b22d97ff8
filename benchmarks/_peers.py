"""Ends a benchmark where the environment of its peer, which `make bench` makes, is not there."""

from __future__ import annotations

import sys

from scripts.peer_environment import ENVIRONMENTS, why_missing

CANNOT_RUN = 3  # the exit code of a benchmark that this machine cannot run


def require(name: str) -> None:
    """Do nothing where the environment is there. Where this machine cannot have it, the benchmark ends as one that
    cannot run here, and else as a failure.
    """
    reason = why_missing(name)
    if not reason:
        return
    if (ENVIRONMENTS / f"{name}.skipped").exists():
        print(f"cannot run here: {reason}", file=sys.stderr)
        sys.exit(CANNOT_RUN)
    sys.exit(f"the peer's environment is missing, run: make .venvs/{name}.stamp")
