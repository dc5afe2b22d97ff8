"""Without any one permission that a story needs, that story fails: `make test-permissions`.

`GRIDWATCH_PERMISSIONS` is the seed of a sample and its size, as in `7:20`, or `all`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.permissions.taken_away import TAKEN

ROOT = Path(__file__).resolve().parents[2]
ROWS = [tuple(row) for row in json.loads((ROOT / "tests" / "permissions" / "used.json").read_text())]


def chosen() -> list[tuple[str, ...]]:
    """A seeded sample spreads over what was recorded, so that each night tries others."""
    wanted = os.environ.get("GRIDWATCH_PERMISSIONS", "")
    if wanted in ("", "all"):
        return ROWS if wanted else []
    seed, _, size = wanted.partition(":")
    return random.Random(int(seed)).sample(ROWS, min(int(size), len(ROWS)))


@pytest.mark.parametrize(("role", "action", "resource", "story"), chosen(), ids=str)
def test_a_story_fails_without(role: str, action: str, resource: str, story: str) -> None:
    taken = {TAKEN: json.dumps([role, action, resource])}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", story]
    told = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **taken}, capture_output=True, text=True, timeout=900, check=False
    )
    assert told.returncode == 1, f"the story passes without it:\n{told.stdout[-2000:]}{told.stderr[-2000:]}"
    # Nor by anything else: the refusal is what it fails with.
    assert f"{role}: {action} on " in told.stdout, told.stdout[-4000:]
