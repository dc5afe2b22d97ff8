"""Prints the path of an interpreter of one version: `python -m scripts.find_python 3.12`; exit code 1 where the machine
has none.

Looks on the PATH and among pyenv's and uv's own; an interpreter counts when it runs (a pyenv shim may not).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def main() -> None:
    wanted = sys.argv[1]
    found = find(wanted)
    if found is None:
        sys.exit(f"this machine has no Python {wanted}")
    print(found)


def find(version: str) -> Path | None:
    """The first interpreter of `version` (major.minor) that runs."""
    return next((path for path in candidates(version) if _version_of(path) == version), None)


def candidates(version: str) -> Iterator[Path]:
    """The paths where an interpreter of that version may lie; not every path exists."""
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{version}"
    home = Path.home()
    for root in (home / ".pyenv" / "versions", home / ".local" / "share" / "uv" / "python"):
        yield from sorted(root.glob(f"*{version}*/bin/python{version}"))


def _version_of(path: Path) -> str | None:
    full = full_version(path)
    return full.rpartition(".")[0] if full else None


def full_version(path: Path) -> str | None:
    """The interpreter's version with its patch release; None when it does not run."""
    if not path.is_file():
        return None
    question = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    answer = subprocess.run([str(path), "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None


if __name__ == "__main__":
    main()
