"""Writes trials of many kinds with smdebug's own writer, each in a folder of its own below argument 1."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from smdebug.core.access_layer.utils import training_has_ended
from smdebug.core.collection_manager import CollectionManager
from smdebug.core.modes import ModeKeys
from smdebug.core.reductions import get_reduction_tensor_name
from smdebug.core.writer import FileWriter

ROOT = Path(sys.argv[1])
TRAIN, EVAL, PREDICT, GLOBAL = ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT, ModeKeys.GLOBAL
PATTERNS = {"losses": "loss", "weights": "weight$", "gradients": "^gradient", "inputs": "input"}
ONE = ("worker_0",)


def collections(kind: str, workers: tuple[str, ...], count: int | None = None) -> None:
    manager = CollectionManager()
    for name, pattern in PATTERNS.items():
        manager.add(name)
        manager.get(name).include(pattern)
    manager.set_num_workers(len(workers) if count is None else count)
    for worker in workers:
        manager.export(str(ROOT / kind), f"{worker.replace('/', '_').replace(':', '-')}_collections.json")


def step(  # noqa: PLR0917  (a row of a table)
    kind: str, number: int, tensors: dict[str, Any], mode: Any = GLOBAL, mode_step: int | None = None,
    worker: str = "worker_0", shapes: dict[str, tuple[tuple[int, ...], str | None]] | None = None,
) -> None:  # fmt: skip
    at = number if mode_step is None else mode_step
    writer = FileWriter(trial_dir=str(ROOT / kind), step=number, worker=worker)
    for name, value in tensors.items():
        writer.write_tensor(tdata=np.asarray(value), tname=name, mode=mode, mode_step=at)
    for name, (shape, original) in (shapes or {}).items():
        writer.write_shape(name, shape, mode, at, original_name=original)
    writer.close()


def end(kind: str) -> None:
    training_has_ended(str(ROOT / kind))


def tensors(number: int, scale: float = 1.0) -> dict[str, Any]:
    random = np.random.default_rng(number)
    near = random.normal(0, 0.5 * scale / (1 + number), (4, 3)).astype("f4")
    return {
        "loss": np.float32(scale / (1 + number / 3)),
        "fc.weight": near + np.float32(1),
        "sparse.weight": np.where(random.random((5, 5)) < 0.1 * number, 0, 1).astype("f8"),
        "gradient/fc.weight": near * 2,
        "relu_output_0": np.maximum(random.normal(0.5 - number / 4, 1, (8, 4)), 0),
        "bert_attention0_output": random.normal(0, 1 + number, (2, 4, 4)),
        "labels": random.integers(0, 2 + (number > 4) * 7, 12),
        "predictions": random.random((12, 9)),
        "data_input_0": random.random((2, 2)),
    }


def plain() -> None:
    for kind, scale in (("global", 1.0), ("other", 1.001), ("unended", 1.0)):
        collections(kind, ONE)
        for number in range(10):
            step(kind, number, tensors(number, scale if number > 5 else 1.0))
    end("global")
    end("other")
    collections("stuck", ONE)
    for number in range(3, 40, 4):
        step("stuck", number, {**tensors(number), "loss": 0.5, "bad": [np.inf if number > 20 else 1.0, number]})
    end("stuck")
    collections("many", ONE)
    for number in range(0, 2200, 100):
        step("many", number, {"loss": 1.0 / (1 + number)})
    end("many")


def phases() -> None:
    collections("phases", ONE)
    collections("predicted", ONE)
    counts = dict.fromkeys(ModeKeys, 0)
    for number in range(14):
        mode = EVAL if number % 5 == 4 else TRAIN
        step("phases", number, tensors(number), mode, counts[mode])
        counts[mode] += 1
    for number in range(8):
        step("predicted", 2 * number, {"loss": 1.0 - number / 9}, (TRAIN, EVAL, PREDICT, GLOBAL)[number % 4], number)
    end("phases")
    end("predicted")


def workers() -> None:
    three = ("worker_0", "worker_1", "worker_2")
    devices = tuple(f"/job:worker/replica:0/task:{task}/device:GPU:0" for task in range(2))
    for kind, names in (("workers", three), ("devices", devices)):
        collections(kind, names)
        for number in range(8):
            for place, worker in enumerate(names):
                if not (place == 1 and (number == 3 or number > 5)):
                    changed = {
                        "loss": 1 / (1 + number) + place * number / 20,
                        "fc.weight": np.full((2, 2), 1.0 + place),
                    }
                    step(kind, number, changed, worker=worker.replace("/", "_").replace(":", "-"))
        end(kind)
    collections("workers_modes", three[:2])
    for number in range(9):
        for worker in three[: 1 + (number != 7)]:
            step(
                "workers_modes",
                number,
                {"loss": 1.0 / (1 + number)},
                EVAL if number % 3 == 2 else TRAIN,
                number // 3,
                worker,
            )
    end("workers_modes")


def reductions() -> None:
    collections("reductions", ONE)
    for number in range(8):
        named = {
            get_reduction_tensor_name(name, kind, absolute): np.float32(number / 8 + place / 100)
            for name in ("gradient/a", "w.weight")
            for place, (kind, absolute) in enumerate((("mean", True), ("mean", False), ("max", False), ("l2", False)))
        }
        whole = {"loss": 1.0 / (1 + number), **({"w.weight": np.ones((2, 2))} if number % 2 else {})}
        step("reductions", number, {**named, **whole})
    end("reductions")


def order() -> None:
    """A reduction is written before the tensors, and no tensor at every step."""
    collections("order", ONE)
    counts = dict.fromkeys(ModeKeys, 0)
    for number in range(9):
        mode = (EVAL, TRAIN, PREDICT)[number % 3]
        reduced = {get_reduction_tensor_name("w.weight", "mean", False): np.float32(number)} if number in (0, 5) else {}
        whole = {"loss": [1.0 / (1 + number)]} if number != 2 else {}
        step("order", number, {**reduced, **whole, "z.weight": np.ones(2)}, mode, counts[mode])
        counts[mode] += 1
    end("order")


def shapes() -> None:
    collections("shapes", ONE)
    for number in range(7):
        size = (3, 4 if number > 4 else 2)
        told: dict[str, tuple[tuple[int, ...], str | None]] = {"w": (size, "w:0"), "scalar": ((), None)}
        if number % 2:
            step("shapes", number, {}, shapes=told)
        else:
            whole = {"loss": 1.0 / (1 + number), "both": np.ones(3), get_reduction_tensor_name("w", "max", True): 2.0}
            step("shapes", number, whole, shapes={**told, "both": ((3,), None)})
    end("shapes")


def missing() -> None:
    for kind, gone in (("gap", (2,)), ("cut", (7,)), ("hollow", range(8))):
        collections(kind, ONE)
        for number in range(8):
            step(kind, number, tensors(number), EVAL if number % 4 == 3 else TRAIN, number)
        for number in gone:
            next((ROOT / kind / "events" / f"{number:012d}").iterdir()).unlink()
        end(kind)
    collections("empty", ONE)
    end("empty")
    collections("lacking", ONE, count=2)
    step("lacking", 0, tensors(0))
    end("lacking")
    (ROOT / "nothing").mkdir()
    end("nothing")


def text() -> None:
    collections("text", ONE)
    for number in range(6):
        step(
            "text",
            number,
            {
                "words": np.array(["a", "ü", "größe"]),
                "flags": np.array([True, False]),
                "loss": number,
                "half": np.ones(2, "f2"),
                "whole": np.arange(3, dtype="u1"),
            },
        )
    end("text")


def profile() -> None:
    """Three minutes of a machine with two cores, and the steps of a training."""
    begin = 1_600_000_000
    for kind in ("profile", "profile_running"):
        root = ROOT / kind
        for minute in range(3):
            folder = root / "system" / "incremental" / "2020091312"
            folder.mkdir(parents=True, exist_ok=True)
            events = [
                {"Type": type_, "Name": name, "Dimension": dimension, "Value": 30.0 * minute + place + second / 10,
                 "NodeId": "algo-1", "Timestamp": begin + 60 * minute + second}
                for second in range(0, 60, 7)
                for place, (type_, name, dimension) in enumerate((
                    ("cpu", "cpu0", "CPUUtilization"), ("cpu", "cpu1", "CPUUtilization"),
                    ("memory", None, "MemoryUsedPercent"), ("gpu", "gpu0", "GPUUtilization"),
                ))
            ]  # fmt: skip
            lines = "".join(f"{json.dumps(each)}\n" for each in events)
            (folder / f"{begin + 60 * minute}.algo-1.json").write_text(lines + '{"Type": "cp' * (minute == 2))
            timeline(root, minute, begin)
        if kind == "profile":
            (root / "system" / "training_job_end.ts").write_text("")
            (root / "training_job_end.ts").write_text("")


def timeline(root: Path, minute: int, begin: int) -> None:
    """As smdebug's hooks write it."""
    folder = root / "framework" / "pevents" / "2020091312"
    folder.mkdir(parents=True, exist_ok=True)
    start = begin * 1_000_000
    described: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": 0, "args": {"start_time_since_epoch_in_micros": start}},
        {"name": "process_sort_index", "ph": "M", "pid": 0, "args": {"sort_index": 0}},
        {"name": "process_name", "ph": "M", "pid": 7, "args": {"name": "Step:ModeKeys.TRAIN"}},
        {"name": "thread_name", "ph": "M", "pid": 7, "tid": 9, "args": {"name": "main"}},
    ]
    for step in range(5):
        at, number = 1_000_000 * (60 * minute + 10 * step), 5 * minute + step
        name, long = "Step:ModeKeys.TRAIN", 9_000_000 if number == 12 else 1_000_000
        described += [
            {"name": name, "ph": "X", "pid": 7, "tid": 9, "ts": at, "dur": long, "args": {"step_num": str(number)}},
            {"name": "load", "ph": "B", "pid": 7, "tid": 9, "ts": at + 5},
            {"name": "load", "ph": "E", "pid": 7, "tid": 9, "ts": at + 500, "args": {"worker": 1}},
            {"name": "now", "ph": "i", "pid": 7, "ts": at, "args": {"s": "t"}},
        ]
    at = start + 1_000_000 * (60 * minute + 55)
    (folder / f"{at}_4711-algo-1_pythontimeline.json").write_text(json.dumps(described))


def machines() -> None:
    """Six minutes of two machines with two GPUs each, whose processors get busier while the GPUs idle."""
    begin = 1_600_000_000
    for kind in ("machines", "machines_alone"):
        root, random = ROOT / kind, np.random.default_rng(7)
        for minute, node in itertools.product(range(6), ("algo-1", "algo-2")):
            folder = root / "system" / "incremental" / "2020091312"
            folder.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps(each) for each in measured(minute, node, begin + 60 * minute, random)]
            (folder / f"{begin + 60 * minute}.{node}.json").write_text("\n".join(lines) + "\n")
            if kind == "machines":
                folder = root / "framework" / "pevents" / "2020091312"
                folder.mkdir(parents=True, exist_ok=True)
                at = 1_000_000 * (begin + 60 * minute + 55)
                (folder / f"{at}_4711-{node}_pythontimeline.json").write_text(json.dumps(traced(minute, begin)))
        for folder in (root / "system", root / "framework", root):
            folder.mkdir(exist_ok=True)
            (folder / "training_job_end.ts").write_text("")


def measured(minute: int, node: str, begin: int, random: np.random.Generator) -> list[dict[str, Any]]:
    """What the profiler's agent samples: events of one instant lie some milliseconds apart."""
    dimensions = [
        *(("cpu", f"cpu{core}", "CPUUtilization", 20.0 * minute + 5 * core) for core in range(4)),
        *(("gpu", f"gpu{gpu}", "GPUUtilization", max(0.0, 60.0 - 15 * minute + 9 * gpu)) for gpu in range(2)),
        *(("gpu", f"gpu{gpu}", "GPUMemoryUtilization", 10.0 + 8 * minute) for gpu in range(2)),
        ("memory", "", "MemoryUsedPercent", 40.0 + minute), ("cpu", "", "I/OWaitPercentage", 5.0 * minute),
    ]  # fmt: skip
    return [
        {"Type": type_, "Name": name, "Dimension": dimension, "Value": value + random.random(), "NodeId": node,
         "Timestamp": begin + second + random.random() / 100}
        for second in range(0, 60, 4)
        for type_, name, dimension, value in dimensions
    ]  # fmt: skip


def traced(minute: int, begin: int) -> list[dict[str, Any]]:
    """Steps, some of them slow, with what a training in PyTorch records between them."""
    phases = {
        7: "Step:ModeKeys.TRAIN", 8: "DataLoaderIterInitialize", 9: "DataLoaderWorker", 10: "Forward-node",
        11: "GPUFunctions-dev:0", 12: "cpu_functions", 13: "Step:ModeKeys.EVAL",
    }  # fmt: skip
    origin = {"start_time_since_epoch_in_micros": begin * 1_000_000}
    found: list[dict[str, Any]] = [{"name": "process_name", "ph": "M", "pid": 0, "args": origin}]
    found.append({"name": "process_sort_index", "ph": "M", "pid": 0, "args": {"sort_index": 0}})
    for pid, name in phases.items():
        found.append({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}})
        found.append({"name": "thread_name", "ph": "M", "pid": pid, "tid": 1, "args": {"name": "t1"}})
    at = 60_000_000 * minute
    iterator = {"pin_memory": "True", "num_workers": "2"}
    found.append({"name": "__init__", "ph": "X", "pid": 8, "tid": 1, "ts": at, "dur": 100, "args": iterator})
    for number in range(40 * minute, 40 * minute + 40):
        at += 1_400_000
        pid, long = (7 if number % 7 else 13), (9_000_000 if number % 19 == 18 else 1_000_000 + number)
        loaded, counted = {"pid": str(100 + number % 3), "worker_id": number % 3}, {"step_num": str(number)}
        found += [
            {"name": phases[pid], "ph": "X", "pid": pid, "tid": 1, "ts": at, "dur": long, "args": counted},
            {"name": "load", "ph": "X", "pid": 9, "tid": 1, "ts": at + 3, "dur": 5000 + number, "args": loaded},
            {"name": "fwd", "ph": "B", "pid": 10, "tid": 1, "ts": at + 10},
            {"name": "fwd", "ph": "E", "pid": 10, "tid": 1, "ts": at + 300_000},
            {"name": "conv", "ph": "X", "pid": 11, "tid": 1, "ts": at + 20, "dur": 777},
            {"name": "mm", "ph": "X", "pid": 12, "tid": 1, "ts": at + 20, "dur": 333, "args": {"bytes": 5}},
        ]  # fmt: skip
    return found


for write in (profile, machines, plain, phases, workers, reductions, order, shapes, missing, text):
    write()
