"""Measures what the profiler costs a training: timing a step against smdebug's timeline writer, sampling the machine,
and both in an XGBoost training at 5 ms a round.

All figures are processor time of the whole process, which a busy machine hardly changes. `ours` and `peer`: one timed
step until it is written; both write the same kind of file. `sampling_core_percent`: the share of one core that sampling
takes at the default interval of 500 ms. `training_percent`: what timing rounds and sampling add to a training, in one
process that trains alternately with and without.
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

PROGRAM = """
import json, os, sys, time
import numpy as np, xgboost as xgb
from gridwatch_hook.profiler import Profiler
from gridwatch_hook.profiler.xgboost import RoundTimer
from smdebug.core.tfevent.timeline_file_writer import TimelineFileWriter
from smdebug.core.utils import FRAMEWORK
from smdebug.profiler.profiler_config_parser import get_profiler_config_parser

folder = sys.argv[1]
STEPS = 20_000
SAMPLES = 400
number = 0

def ours_steps():
    profiler = Profiler.create(f"{folder}/ours-{number}")
    profiler.start()
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        with profiler.step():
            pass
    looped = time.perf_counter() - begin
    profiler.close()
    assert profiler.outbox.report.files_lost == 0
    return looped / STEPS, (time.process_time() - cpu) / STEPS

def peer_steps():
    writer = TimelineFileWriter(get_profiler_config_parser(FRAMEWORK.PYTORCH))
    begin, cpu = time.perf_counter(), time.process_time()
    for step in range(STEPS):
        start = time.time()
        name = "Step:ModeKeys.TRAIN"
        writer.write_trace_events(training_phase=name, op_name=name, timestamp=start, duration=time.time() - start,
                                  pid=os.getpid(), step_num=str(step))
    looped = time.perf_counter() - begin
    writer.close()
    return looped / STEPS, (time.process_time() - cpu) / STEPS

def sampling():
    sampler = Profiler.create(f"{folder}/sampling")._sampler
    sampler.sample()
    begin = time.process_time()
    for _ in range(SAMPLES):
        sampler.sample()
    sampler.flush()
    return (time.process_time() - begin) / SAMPLES

def train(data, rounds, profiled):
    global number
    number += 1
    profiler = Profiler.create(f"{folder}/training-{number}") if profiled else None
    if profiler:
        profiler.start()
    params = {"objective": "binary:logistic", "max_depth": 6, "eval_metric": "error", "nthread": 1}
    begin = time.process_time()
    xgb.train(params, data, rounds, evals=[(data, "train")], callbacks=[RoundTimer(profiler)] if profiler else [],
              verbose_eval=False)
    if profiler:
        profiler.close()
    return (time.process_time() - begin) / rounds

def data_of(rows):
    random = np.random.default_rng(40)
    labels = random.integers(0, 2, rows)
    return xgb.DMatrix(random.normal(0, 5, (rows, 2)) + 4 * labels[:, None], labels)

steps = {"ours": [], "peer": []}
for _ in range(3):
    number += 1
    steps["ours"].append(ours_steps())
    steps["peer"].append(peer_steps())
rows = 4000
while train(data_of(rows), 20, False) < 0.005:
    rows = int(rows * 1.3)
data = data_of(rows)
rounds = {"without": [], "with": []}
for _ in range(5):
    rounds["without"].append(train(data, 150, False))
    rounds["with"].append(train(data, 150, True))
print(json.dumps({"steps": steps, "sample": min(sampling() for _ in range(3)), "rounds": rounds}))
"""


def main() -> None:
    require("interop")
    measured = measure()
    ours, peer = (min(written for _, written in measured["steps"][who]) for who in ("ours", "peer"))
    without, profiled = (min(measured["rounds"][which]) for which in ("without", "with"))
    report(
        Result(
            name="profiler_overhead",
            ours=round(ours * 1e6, 2),
            peer=round(peer * 1e6, 2),
            unit="us/step",
            ratio=round(peer / ours, 1),
            what="processor time of timing one step and writing it; least of 3 runs in turn",
            more={
                "step_wall_us": round(min(looped for looped, _ in measured["steps"]["ours"]) * 1e6, 2),
                "step_wall_peer_us": round(min(each for each, _ in measured["steps"]["peer"]) * 1e6, 2),
                "sample_cpu_us": round(measured["sample"] * 1e6, 1),
                "sampling_core_percent": round(100 * measured["sample"] / 0.5, 3),
                "round_cpu_us": round(without * 1e6, 1),
                "training_percent": round(100 * (profiled - without) / without, 2),
                "cores": os.cpu_count(),
            },
        )
    )


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "profilerconfig.json")
        settings.write_text(json.dumps({"ProfilingParameters": {"LocalPath": f"{folder}/smdebug"}}))
        environment = {
            "PYTHONPATH": str(ROOT / "hook"),
            "SMDEBUG_LOG_LEVEL": "error",
            "SMPROFILER_CONFIG_PATH": str(settings),
        }
        command = [str(python_of("interop")), "-W", "ignore", "-c", PROGRAM, folder]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
