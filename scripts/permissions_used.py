"""Gathers which story needs which permission into one file, from what the stories recorded.

``python -m scripts.permissions_used FOLDER`` writes ``tests/permissions/used.json``, for ``make test-permissions``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

USED = Path(__file__).resolve().parents[1] / "tests" / "permissions" / "used.json"


def main(folder: Path) -> None:
    stories = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    rows = gathered(stories)
    USED.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    sys.stdout.write(f"{len(rows)} permissions are needed by {len(stories)} stories\n")


def gathered(stories: list[dict[str, Any]]) -> list[list[str]]:
    """Role, action and resource of each permission, with the quickest story that needs it."""
    quickest: dict[tuple[str, ...], str] = {}
    for story in sorted(stories, key=lambda each: (each["seconds"], each["story"])):
        for words in story["needed"]:
            quickest.setdefault(tuple(words), story["story"])
    return [[*words, story] for words, story in sorted(quickest.items())]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
