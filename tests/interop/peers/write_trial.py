"""Writes a trial with smdebug's own writer into a folder or S3 prefix (argument 1): types, modes, text, reductions,
many steps.
"""

from __future__ import annotations

import sys

import numpy as np
from smdebug.core.access_layer.utils import training_has_ended
from smdebug.core.collection_manager import CollectionManager
from smdebug.core.modes import ModeKeys
from smdebug.core.writer import FileWriter

TYPES = ("float16", "float32", "float64", "int32", "int64", "uint8", "bool", "complex128")


def main() -> None:
    out, steps = sys.argv[1], int(sys.argv[2])
    manager = CollectionManager()
    for name, pattern in (("losses", "loss"), ("arrays", "^array/")):
        manager.add(name)
        manager.get(name).include(pattern)
    manager.export(out, "worker_0_collections.json")
    random = np.random.default_rng(3)
    for step in range(steps):
        mode = ModeKeys.TRAIN if step % 3 else ModeKeys.EVAL
        mode_step = step // 3 if mode is ModeKeys.EVAL else step - step // 3 - 1
        writer = FileWriter(trial_dir=out, step=step, worker="worker_0")
        writer.write_tensor(tdata=1.0 / (step + 1), tname="loss", mode=mode, mode_step=mode_step)
        writer.write_tensor(
            tdata=np.float32(step), tname="smdebug/reductions/abs_mean/array/big", mode=mode, mode_step=mode_step
        )
        if step < 4:
            for kind in TYPES:
                array = (random.normal(0, 50, (2, 3)) ** 2).astype(kind)
                writer.write_tensor(tdata=array, tname=f"array/{kind}", mode=mode, mode_step=mode_step)
            words = np.array(["Leaf", f"f{step}", "größe"])
            writer.write_tensor(tdata=words, tname="words", mode=mode, mode_step=mode_step)
        writer.close()
    training_has_ended(out)


main()
