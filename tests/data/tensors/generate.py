"""Writes the tensor folders beside this file with smdebug itself, and what smdebug reads back from them.

Run in an environment of its own, because smdebug does not import on a current stack:
`pip install smdebug==1.0.34 'numpy<2.3' 'setuptools<82' requests pandas psutil`, then `python generate.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ["SMDEBUG_LOG_LEVEL"] = "error"

import numpy as np
from smdebug.core.collection_manager import CollectionManager
from smdebug.core.modes import ModeKeys
from smdebug.core.reductions import get_numpy_reduction, get_reduction_tensor_name
from smdebug.core.writer import FileWriter
from smdebug.exceptions import TensorUnavailableForStep
from smdebug.trials import create_trial

HERE = Path(__file__).parent


def fresh(name: str) -> Path:
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def collections(
    folder: Path, named: Mapping[str, tuple[Sequence[str], Sequence[str]]], workers: Sequence[str] = ("worker_0",)
) -> None:
    manager = CollectionManager()
    manager.set_num_workers(len(workers))
    for name, (names, regexes) in named.items():
        manager.get(name).tensor_names = set(names)
        for regex in regexes:
            manager.get(name).include(regex)
    for worker in workers:
        manager.export(str(folder), f"{worker}_collections.json")


def write(
    folder: Path,
    step: int,
    tensors: Mapping[str, Any],
    *,
    worker: str = "worker_0",
    mode: ModeKeys = ModeKeys.GLOBAL,
    mode_step: int | None = None,
) -> None:
    writer = FileWriter(trial_dir=str(folder), step=step, worker=worker)
    for name, value in tensors.items():
        # A fixed time keeps the files equal from run to run.
        writer.write_tensor(tdata=value, tname=name, mode=mode, mode_step=mode_step, timestamp=1_600_000_000 + step)
    writer.close()


def reductions(name: str, value: Any, kinds: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    return {
        get_reduction_tensor_name(name, kind, absolute): np.array([get_numpy_reduction(kind, value, absolute)])
        for kind, absolute in kinds
    }


def end(folder: Path) -> None:
    (folder / "training_job_end.ts").touch()


def expected(folder: Path) -> None:
    """Every value as smdebug reads it: name -> global step -> worker -> {dtype, value}."""
    trial = create_trial(str(folder))
    found = {}
    for name in trial.tensor_names():
        tensor = trial.tensor(name)
        for step in tensor.steps():
            for worker in sorted(tensor.workers(step)):
                with contextlib.suppress(TensorUnavailableForStep):  # of some only reductions were saved
                    value = tensor.value(step, worker=worker)
                    listed = value.astype(complex).view(float) if value.dtype.kind == "c" else value
                    found.setdefault(name, {}).setdefault(str(step), {})[worker] = {
                        "dtype": value.dtype.str,
                        "shape": list(value.shape),
                        "value": listed.reshape(-1).tolist(),
                    }
    modes = {str(step): [trial.mode(step).name, trial.mode_step(step)] for step in trial.steps()}
    members = {name: trial.tensor_names(collection=name) for name in trial.collections()}
    document = {"steps": trial.steps(), "modes": modes, "collections": members, "values": found}
    folder.with_suffix(".expected.json").write_text(json.dumps(document, sort_keys=True) + "\n")


def boosting() -> None:
    """What the XGBoost hook saves every second round, for a model that learns little after its first round."""
    folder = fresh("boosting")
    collections(
        folder, {"metrics": ([], ["^[a-zA-z]+-[a-zA-z0-9]+$"]), "losses": ([], ["^[a-zA-z]+-.+(?<!(auc|map))$"])}
    )
    train = [0.1597, 0.1567, 0.1563, 0.1567, 0.1553, 0.1550]
    for position, error in enumerate(train):
        write(
            folder,
            2 * position,
            {
                "train-error": np.array([error]),
                "train-auc": np.array([0.8 + position / 100]),
                "validation-error": np.array([error + 0.01]),
                "validation-auc": np.array([0.79 + position / 100]),
            },
        )
    end(folder)
    expected(folder)


def types() -> None:
    """Every type of tensor that smdebug writes and reads back as it was."""
    folder = fresh("types")
    collections(folder, {"default": ([], [".*"])})
    numbers = np.arange(6).reshape(2, 3)
    named = {kind: numbers.astype(kind) for kind in ("f2", "f4", "f8", "i4", "i8", "u1", "c16")}
    named["bool"] = numbers % 2 == 0
    named["text"] = np.array(["a", "leaf", "f\u00fcnf"])
    named["one"] = np.array(3.5)
    named["infinite"] = np.array([np.inf, -np.inf, np.nan], dtype="f4")
    write(folder, 0, named)
    end(folder)
    expected(folder)
    folder = fresh("more_types")  # smdebug writes these and cannot read them back (i1 it reads as u1)
    collections(folder, {"default": ([], [".*"])})
    write(
        folder,
        0,
        {kind: numbers.astype(kind) for kind in ("i1", "i2", "u2", "u4", "u8", "c8")} | {"none": np.zeros((0, 4))},
    )
    end(folder)


def phases() -> None:
    """Two workers, training and evaluation steps, raw tensors and reductions; the second worker lags behind."""
    folder = fresh("phases")
    workers = ("worker_0", "worker_1")
    collections(folder, {"losses": (["loss"], []), "gradients": ([], ["^gradient"])}, workers)
    rng = np.random.default_rng(7)
    kinds = [("mean", True), ("mean", False), ("max", False), ("min", False), ("std", False), ("l2", False)]
    for step in range(0, 12, 2):
        evaluation = step in (4, 10)
        mode, mode_step = (ModeKeys.EVAL, step // 6) if evaluation else (ModeKeys.TRAIN, step - 2 * (step > 4))
        for worker in workers:
            if worker == "worker_1" and step == 10:
                continue
            gradient = rng.normal(size=(4, 5)).astype("f4")
            tensors = {"loss": np.array([1 / (step + 1)])}
            if not evaluation:
                tensors |= {"gradient/dense": gradient, **reductions("gradient/head", gradient * 2, kinds)}
            write(folder, step, tensors, worker=worker, mode=mode, mode_step=mode_step)
    end(folder)
    expected(folder)


if __name__ == "__main__":
    boosting()
    types()
    phases()
