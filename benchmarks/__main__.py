"""Runs every benchmark in a process of its own: `python -m benchmarks [--json]`. It fails when one of them does."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import benchmarks

# Modules of this package that are no benchmark.
SHARED = {"__main__", "result"}


def names() -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if name not in SHARED and not name.startswith("_"))


def main() -> None:
    failed = []
    for name in names():
        print(f"{name} ...", file=sys.stderr)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
