"""Measures what saving metrics every 2 rounds costs an XGBoost training: the hook against smdebug's, fast and at 5 ms a
round.

One process trains in turn without a hook, with ours and with smdebug's. `ours` and `peer` are microseconds of processor
time (all threads) added to a round at the demo's speed, which a busy machine does not blur; wall-clock figures stand
beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._peers import require
from benchmarks.result import Result, report
from scripts.peer_environment import python_of

ROOT = Path(__file__).resolve().parent.parent
SLOW_ROUND_SECONDS = 0.005

PROGRAM = """
import json, sys, time
import numpy as np, xgboost as xgb
from gridwatch_hook.xgboost import XGBoostHook
from smdebug.xgboost import Hook, SaveConfig

folder, slow_round = sys.argv[1], float(sys.argv[2])
METRICS = {"CollectionConfigurations": [{"CollectionName": "metrics", "CollectionParameters": {"save_interval": "2"}}]}
number = 0

def blobs(rows):
    random = np.random.default_rng(40)
    labels = random.integers(0, 2, rows)
    return random.normal(0, 5, (rows, 2)) + 4 * labels[:, None], labels

def train(data, rounds, depth, which):
    global number
    number += 1
    out = f"{folder}/{which}-{number}"
    points, labels = data
    cut = 3 * len(points) // 4
    train_data, validation = xgb.DMatrix(points[:cut], labels[:cut]), xgb.DMatrix(points[cut:], labels[cut:])
    callbacks = []
    if which == "ours":
        callbacks = [XGBoostHook.create(out, METRICS)]
    elif which == "smdebug":
        callbacks = [Hook(out, save_config=SaveConfig(save_interval=2), include_collections=["metrics"])]
    params = {"objective": "binary:logistic", "max_depth": depth, "eval_metric": "error", "nthread": 1}
    begin, cpu = time.perf_counter(), time.process_time()
    xgb.train(params, train_data, rounds, evals=[(train_data, "train"), (validation, "validation")],
              callbacks=callbacks, verbose_eval=False)
    if which == "ours":
        assert callbacks[0].hook.close().steps_written == (rounds + 1) // 2
    elif which == "smdebug":
        callbacks[0].close()
    return (time.process_time() - cpu) / rounds, (time.perf_counter() - begin) / rounds

def compare(data, rounds, depth, repeats):
    seconds = {"none": [], "ours": [], "smdebug": []}
    for _ in range(repeats):
        for which, runs in seconds.items():
            runs.append(train(data, rounds, depth, which))
    return seconds

train(blobs(4000), 50, 16, "none")
fast = compare(blobs(4000), 600, 16, 6)
rows = 4000
while train(blobs(rows), 20, 6, "none")[0] < slow_round:
    rows = int(rows * 1.3)
slow = compare(blobs(rows), 100, 6, 4)
print(json.dumps({"fast": fast, "slow": slow, "slow_rows": rows}))
"""


def main() -> None:
    require("interop")
    measured = measure()
    fast, slow = processor(measured["fast"]), processor(measured["slow"])
    report(
        Result(
            name="hook_overhead",
            ours=round(fast["ours"] * 1e6, 1),
            peer=round(fast["smdebug"] * 1e6, 1),
            unit="us/round",
            ratio=round(fast["smdebug"] / fast["ours"], 1),
            what="processor time added to a round by saving metrics every 2 rounds, demo's speed; least of 6 runs",
            more={
                "demo_speed": described(fast, wall(measured["fast"])),
                "at_5_ms": described(slow, wall(measured["slow"])),
                "slow_rows": measured["slow_rows"],
                "cores": os.cpu_count(),
            },
        )
    )


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python_of("interop")), "-W", "ignore", "-c", PROGRAM, folder, str(SLOW_ROUND_SECONDS)]
        environment = {"PYTHONPATH": str(ROOT / "hook"), "SMDEBUG_LOG_LEVEL": "error"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


Runs = dict[str, list[tuple[float, float]]]


def processor(runs: Runs) -> dict[str, float]:
    """The processor seconds of a round without a hook, and what each hook adds to it."""
    return overheads({which: [cpu for cpu, _ in taken] for which, taken in runs.items()})


def wall(runs: Runs) -> dict[str, float]:
    """The same by wall-clock time."""
    return overheads({which: [elapsed for _, elapsed in taken] for which, taken in runs.items()})


def overheads(seconds: dict[str, list[float]]) -> dict[str, float]:
    """The least overhead of each, since other work on the machine only adds."""
    bare = min(seconds["none"])
    return {"none": bare, **{which: min(seconds[which]) - bare for which in ("ours", "smdebug")}}


def described(cpu: dict[str, float], elapsed: dict[str, float]) -> dict[str, float]:
    """The slowdowns in percent of a round without a hook."""
    return {
        "round_us": round(cpu["none"] * 1e6, 1),
        "ours_percent": round(100 * cpu["ours"] / cpu["none"], 2),
        "peer_percent": round(100 * cpu["smdebug"] / cpu["none"], 2),
        "wall_round_us": round(elapsed["none"] * 1e6, 1),
        "wall_ours_percent": round(100 * elapsed["ours"] / elapsed["none"], 2),
        "wall_peer_percent": round(100 * elapsed["smdebug"] / elapsed["none"], 2),
    }


if __name__ == "__main__":
    main()
