"""Tries Gridwatch on the other Pythons of this machine: `python -m scripts.other_pythons`.

Each gets a copy of the checkout in `.gridwatch/pythons/<version>`, where it sets everything up, runs the unit tests and
the demo, whose jobs really train. The distribution's own Python is one of them: it is often an early patch release,
which lacks what later ones of the same version have. Versions that the machine lacks are named. Exit code 1 when one
fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.find_python import candidates, full_version

ROOT = Path(__file__).resolve().parent.parent
COPIES = ROOT / ".gridwatch" / "pythons"
WANTED = ("3.11", "3.12", "3.13")
DISTRIBUTION = Path("/usr/bin/python3")
# A make around this process tells of itself in these.
_APART = ("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "MFLAGS")


def main() -> None:
    pythons = dict(_pythons())
    shutil.rmtree(COPIES, ignore_errors=True)
    failed = [version for version, path in pythons.items() if not _works(version, path)]
    here = ".".join(map(str, sys.version_info[:3]))
    for wanted in WANTED:
        if not any(version.startswith(f"{wanted}.") for version in (*pythons, here)):
            print(f"Python {wanted}: not tried, this machine has none")
    if failed:
        sys.exit(f"Gridwatch fails on Python {', '.join(failed)}; the logs are in {COPIES.relative_to(ROOT)}")


def _pythons() -> Iterator[tuple[str, Path]]:
    """One interpreter for each patch release except this one, by its version."""
    here = ".".join(map(str, sys.version_info[:3]))
    paths = [DISTRIBUTION, *(path for wanted in WANTED for path in candidates(wanted))]
    for path in paths:
        version = full_version(path)
        if version is not None and version != here and version.rpartition(".")[0] in WANTED:
            yield version, path


def _works(version: str, python: Path) -> bool:
    begun = time.monotonic()
    copy = _copy(COPIES / version)
    log = COPIES / f"{version}.log"
    commands = (
        ["make", f"PYTHON={python}", "setup", "layers"],
        [".venv/bin/python", "-m", "pytest", "-q", "-n", "2", "tests/unit"],
        ["make", "demo"],
    )
    with log.open("w") as stream:
        for command in commands:
            run = subprocess.run([*_APART, *command], cwd=copy, stdout=stream, stderr=stream, check=False)
            if run.returncode:
                print(
                    f"Python {version}: `{' '.join(command)}` ended with {run.returncode}; the end of its log:",
                    flush=True,
                )
                print("\n".join(log.read_text(errors="replace").splitlines()[-40:]), flush=True)
                return False
    shutil.rmtree(copy)
    done = time.monotonic() - begun
    print(f"Python {version}: set-up, unit tests and demo passed in {done:.0f} s", flush=True)
    return True


def _copy(target: Path) -> Path:
    """Copy the files of the checkout, without what was made from them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


if __name__ == "__main__":
    main()
