"""Measures what watching an unchanged PyTorch training costs: the start of a process, and steps of 1, 10 and 70 ms.

`start_ms` is the processor time that the carrier adds to an interpreter that imports nothing. `per_step` is, by length
of a step, the time of watched steps over that of unwatched ones, in blocks that alternate within one process: the
median and the middle half of the ratios of neighbouring blocks. No GPU is used.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.result import Result, report
from gridwatch_hook.carrier.build import carry
from scripts.peer_environment import python_of, why_missing

STARTS = 30
ASKED_START_MS = 5.0

# A block is watched or not by letting the watch's functions return at once.
PROGRAM = """
import json, sys, time
import torch
from gridwatch_hook_active import package
from importlib import import_module
loop, data = (import_module(f"{package}.watch.{name}") for name in ("torch_loop", "torch_data"))
torch.set_num_threads(1)
idle = [False]
true = torch.compiler.is_compiling
loop._compiling = lambda: idle[0] or true()

def steps(width, count):
    model = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    x, y = torch.randn(256, 64), torch.randn(256, 1)
    def run(number):
        began = time.perf_counter()
        for _ in range(number):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return (time.perf_counter() - began) / number
    return run

def width_for(seconds):
    width = 32
    while steps(width, 0)(5) < seconds:
        width = int(width * 1.25)
    return width

result = {}
for name, seconds in (("1", 0.001), ("10", 0.01), ("70", 0.07)):
    run = steps(width_for(seconds), 0)
    number = max(3, int(0.4 / seconds))
    run(number)
    pairs = []
    for _ in range(int(sys.argv[1])):
        idle[0] = True
        without = run(number)
        idle[0] = False
        pairs.append((run(number), without))
    result[name] = pairs
print(json.dumps(result))
"""


def main() -> None:
    if reason := why_missing("frameworks"):
        sys.exit(f"hook_cost needs the environment frameworks: {reason}")
    python = str(python_of("frameworks"))
    with tempfile.TemporaryDirectory() as folder:
        carrier = Path(folder, "carrier")
        carry(carrier, {"place": f"{folder}/out"})
        start = _start(python, carrier)
        pairs = json.loads(_run([python, "-c", PROGRAM, "20"], carrier))
    per_step = {f"at_{name}_ms": _ratio(measured) for name, measured in pairs.items()}
    added = start["added"]
    report(
        Result(
            name="hook_cost",
            ours=round(added, 2),
            peer=ASKED_START_MS,
            unit="ms",
            ratio=round(ASKED_START_MS / max(added, 0.01), 2),
            what="processor time that the carrier adds to a process's start; the peer is what was asked for",
            more={"start_ms": start, "per_step": per_step, "cores": os.cpu_count(), "gpu": "none"},
        )
    )


def _start(python: str, carrier: Path) -> dict[str, float]:
    """Processor time of starts in milliseconds, in turn without and with the carrier."""
    taken: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(STARTS):
        for name, path in (("without", None), ("with", carrier)):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            _run([python, "-c", "pass"], path)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken[name].append(1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return {**medians, "added": medians["with"] - medians["without"]}


def _run(command: list[str], carrier: Path | None) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    if carrier is not None:
        environment["PYTHONPATH"] = str(carrier)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def _ratio(pairs: list[list[float]]) -> dict[str, Any]:
    ratios = [watched / without for watched, without in pairs]
    low, median, high = statistics.quantiles(ratios, n=4)
    return {
        "median": median,
        "middle_half": [low, high],
        "step_ms": 1000 * statistics.median(each[1] for each in pairs),
    }


if __name__ == "__main__":
    main()
