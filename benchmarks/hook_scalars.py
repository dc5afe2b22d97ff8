"""Measures steps of 20 scalars a second, written to a folder by the hook and by smdebug's writer, until everything is
on disk.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from benchmarks._peers import require
from benchmarks.result import Result, report
from scripts.peer_environment import python_of

ROOT = Path(__file__).resolve().parent.parent
SCALARS = 20
OUR_STEPS = 1_000
PEER_STEPS = 100
RUNS = 5

OURS = """
import sys, time
from gridwatch_hook import Hook
out, scalars, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
begin = time.perf_counter()
hook = Hook.create(out)
for step in range(steps):
    for number in range(scalars):
        hook.save_scalar(f"value_{number}", 1.0 / (step + number + 1))
    hook.next_step()
report = hook.close()
assert report.steps_written == steps, report
print(steps / (time.perf_counter() - begin))
"""

# What smdebug's hooks do at a step: a writer, a tensor after the other, and closing it (smdebug/core/hook.py).
PEER = """
import sys, time
from smdebug.core.collection_manager import CollectionManager
from smdebug.core.writer import FileWriter
out, scalars, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
begin = time.perf_counter()
CollectionManager().export(out, "worker_0_collections.json")
for step in range(steps):
    writer = FileWriter(trial_dir=out, step=step, worker="worker_0")
    for number in range(scalars):
        writer.write_tensor(tdata=1.0 / (step + number + 1), tname=f"scalar/value_{number}")
    writer.close()
print(steps / (time.perf_counter() - begin))
"""


def main() -> None:
    require("interop")
    ours, peer = [], []
    for _ in range(RUNS):
        ours.append(measure(OURS, OUR_STEPS))
        peer.append(measure(PEER, PEER_STEPS))
    report(
        Result(
            name="hook_scalars",
            ours=round(max(ours), 1),
            peer=round(max(peer), 1),
            unit="steps/s",
            ratio=round(max(ours) / max(peer), 1),
            what=f"steps of {SCALARS} scalars written to a local folder, until closed; best of {RUNS} runs in turn",
            more={"runs_ours": [round(rate, 1) for rate in ours], "runs_peer": [round(rate, 1) for rate in peer]},
        )
    )


def measure(program: str, steps: int) -> float:
    """The steps a second of one run, in a process of its own under the peer's interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python_of("interop")), "-W", "ignore", "-c", program, f"{folder}/out", str(SCALARS), str(steps)]
        environment = {"PYTHONPATH": str(ROOT / "hook"), "SMDEBUG_LOG_LEVEL": "error"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
