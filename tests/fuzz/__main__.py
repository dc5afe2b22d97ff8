"""`python -m tests.fuzz --inputs 12000 --seed 1`: as many hostile inputs, shared among the targets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.running import Tally, peak_megabytes, run
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz")
    parser.add_argument("--inputs", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="a target, or one input such as spec:17")
    parser.add_argument("--show", type=int, default=10, help="failures to show of each target")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that failed")
    asked = parser.parse_args()
    target, _, number = (asked.only or "").partition(":")
    failed = 0
    print(f"{'target':<12}{'inputs':>8}{'accepted':>10}{'refused':>9}{'slowest':>10}{'peak':>9}  failures")
    for name in [target] if target else TARGETS:
        count = asked.inputs if target else round(asked.inputs * TARGETS[name].share)
        tally = run(name, asked.seed, range(int(number), int(number) + 1) if number else range(count))
        _show(name, tally, asked.show, asked.keep)
        failed += len(tally.failures)
    print(f"seed {asked.seed}, peak of the process {peak_megabytes():.0f} MB, {failed} failures")
    return 1 if failed else 0


def _show(name: str, tally: Tally, show: int, keep: Path | None) -> None:
    total = tally.accepted + tally.refused + sum(1 for _ in tally.failures)
    print(
        f"{name:<12}{total:>8,}{tally.accepted:>10,}{tally.refused:>9,}{tally.slowest:>8.2f} s{tally.peak:>6.0f} MB"
        f"  {len(tally.failures)}"
    )
    for failure in tally.failures[:show]:
        print(f"--- {failure.name} (again: --only {failure.name})\n{failure.content[:300]!r}\n{failure.reason[-1200:]}")
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / failure.name.replace(":", "-")).write_bytes(failure.content)


if __name__ == "__main__":
    sys.exit(main())
