"""The one place where the command reads the environment."""

from __future__ import annotations

import os


def environment() -> dict[str, str]:
    """What the process of a user's own rule sees of the shell's environment: all of it."""
    return dict(os.environ)
