"""Runs every benchmark in a process of its own: `python -m benchmarks [--json]`. It fails when one of them does, and
names at the end those that this machine cannot run.
"""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import benchmarks
from benchmarks._peers import CANNOT_RUN

# Modules of this package that are no benchmark.
SHARED = {"__main__", "result"}


def names() -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if name not in SHARED and not name.startswith("_"))


def main() -> None:
    failed, cannot = [], []
    for name in names():
        print(f"{name} ...", file=sys.stderr)
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], check=False).returncode
        if code == CANNOT_RUN:
            cannot.append(name)
        elif code:
            failed.append(name)
    if cannot:
        print(f"not run, for the reasons above: {', '.join(cannot)}", file=sys.stderr)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
