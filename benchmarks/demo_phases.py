"""Measures the seconds of each phase of `gridwatch demo`, against the bound that the demo must keep on two cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.result import Result, report

BOUND_SECONDS = 90.0


def main() -> None:
    command = [sys.executable, "-m", "gridwatch.cli.main", "demo", "--json"]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode != 0:
        sys.exit(f"the demo failed with exit code {made.returncode}")
    measured = json.loads(made.stdout)
    report(
        Result(
            name="demo_phases",
            ours=round(measured["total"], 2),
            peer=BOUND_SECONDS,
            unit="s",
            ratio=round(BOUND_SECONDS / measured["total"], 2),
            what="one run of the demo after set-up; the peer is the bound that it must keep on two cores",
            more={
                "phases": {phase: round(seconds, 2) for phase, seconds in measured["phases"].items()},
                "stopped_by_round": measured["last_round"],
                "rounds_asked": measured["rounds_asked"],
                "cores": os.cpu_count(),
            },
        )
    )


if __name__ == "__main__":
    main()
