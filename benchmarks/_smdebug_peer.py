"""The peer of the benchmarks on tensors; it runs in the environment `interop`, where smdebug is installed.

`python _smdebug_peer.py write FOLDER STEPS TENSORS SIZE` writes a finished job with smdebug's own writer.
`python _smdebug_peer.py lookback|tensors|values LOCATION` prints the seconds that smdebug takes for the same as ours.
"""

from __future__ import annotations

import os
import sys
import time

os.environ.update({"SMDEBUG_LOG_LEVEL": "error", "SMDEBUG_TRAINING_END_DELAY_REFRESH": "0"})  # no sleep counted

import numpy as np
from smdebug.core.collection_manager import CollectionManager
from smdebug.core.writer import FileWriter
from smdebug.exceptions import NoMoreData
from smdebug.rules import Rule, invoke_rule
from smdebug.trials import create_trial

LOOK_BACK = 10


class LookBack(Rule):  # type: ignore[misc]  # smdebug has no types
    """Reads a scalar at each step, and as it was ten saved steps before."""

    read = 0

    def invoke_at_step(self, step: int) -> bool:
        loss = self.base_trial.tensor("tensor_0")
        former = loss.prev_steps(step, LOOK_BACK)[0]
        self.read += 1
        return bool(loss.value(step)[0] < loss.value(former)[0] - 1e9)


class AllTensors(Rule):  # type: ignore[misc]  # as above
    """Reads every tensor of each step."""

    read = 0

    def set_required_tensors(self, step: int) -> None:
        for name in self.base_trial.tensor_names(step=step):
            self.req_tensors.add(name, steps=[step])

    def invoke_at_step(self, step: int) -> bool:
        for tensor in self.req_tensors.get():
            self.read += 1
            if not np.isfinite(tensor.value(step)).all():
                return True
        return False


def write(folder: str, steps: int, tensors: int, size: int) -> None:
    manager = CollectionManager()
    manager.get("losses").include("tensor")
    manager.export(folder, "worker_0_collections.json")
    rng = np.random.default_rng(0)
    for step in range(steps):
        writer = FileWriter(trial_dir=folder, step=step, worker="worker_0")
        for number in range(tensors):
            writer.write_tensor(tdata=rng.normal(size=size), tname=f"tensor_{number}")
        writer.close()
    with open(f"{folder}/training_job_end.ts", "w"):  # noqa: PTH123
        pass


def evaluate(rule_class: type[Rule], location: str) -> float:
    begin = time.perf_counter()
    rule = rule_class(create_trial(location), "")
    try:
        invoke_rule(rule, raise_eval_cond=True)
    except NoMoreData:
        seconds = time.perf_counter() - begin
    assert rule.read, "the rule read nothing"
    return seconds


def values(location: str) -> float:
    begin = time.perf_counter()
    tensor = create_trial(location).tensor("tensor_0")
    found = [tensor.value(step) for step in tensor.steps()]
    seconds = time.perf_counter() - begin
    assert found, "no value was read"
    return seconds


if __name__ == "__main__":
    command, location, *numbers = sys.argv[1:]
    if command == "write":
        write(location, *map(int, numbers))
    else:
        run = {"lookback": lambda: evaluate(LookBack, location), "tensors": lambda: evaluate(AllTensors, location)}
        print(run.get(command, lambda: values(location))())
