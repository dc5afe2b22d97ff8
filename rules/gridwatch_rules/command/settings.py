"""The one place where the command reads the environment."""

from __future__ import annotations

import os


def environment() -> dict[str, str]:
    """The environment for the process of a user's own rule, which is the shell's whole environment."""
    return dict(os.environ)
