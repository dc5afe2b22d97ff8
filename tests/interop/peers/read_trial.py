"""Everything that smdebug finds in a tensor folder (argument 1), as JSON. Runs in the interop environment."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from smdebug.core.modes import ModeKeys
from smdebug.exceptions import ShapeUnavailableForStep
from smdebug.trials import create_trial


def listed(value: Any) -> dict[str, Any]:
    values = value.astype(complex).view(float) if value.dtype.kind == "c" else value
    return {"dtype": value.dtype.str, "shape": list(value.shape), "value": values.reshape(-1).tolist()}


def tensors(trial: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in trial.tensor_names():
        tensor = trial.tensor(name)
        for step in tensor.steps():
            stored = tensor._step(step)  # a tensor may be there as reductions alone
            if stored.location is not None:
                found.setdefault(name, {})[step] = listed(tensor.value(step))
    return found


def reductions(trial: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in trial.tensor_names():
        tensor = trial.tensor(name)
        for step in tensor.steps():
            for (kind, absolute), value in tensor.reduction_values(step).items():
                found.setdefault(name, {}).setdefault(step, {})[("abs_" if absolute else "") + kind] = float(value[0])
    return found


def shapes(trial: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in trial.tensor_names():
        tensor = trial.tensor(name)
        for step in tensor.steps():
            with contextlib.suppress(ShapeUnavailableForStep):
                found.setdefault(name, {})[step] = tensor.shape(step)
    return found


def main() -> None:
    trial = create_trial(sys.argv[1])
    trial.maybe_refresh()
    answer = {
        "steps": trial.steps(),
        "modes": {mode.name: trial.steps(mode=mode) for mode in ModeKeys},
        "collections": {name: sorted(trial.tensor_names(collection=name)) for name in trial.collections()},
        "tensors": tensors(trial),
        "reductions": reductions(trial),
        "shapes": shapes(trial),
        "ended": trial.loaded_all_steps,
    }
    sys.stdout.write("ANSWER " + json.dumps(answer) + "\n")


main()
