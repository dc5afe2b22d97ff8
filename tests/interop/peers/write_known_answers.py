"""Tensors whose verdicts are known, written by smdebug itself: one job for each case, in folders below argument 1.

The verdicts stand in test_known_answers.py; they were worked out from AWS's descriptions of the rules.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

os.environ["SMDEBUG_LOG_LEVEL"] = "error"

import numpy as np
from smdebug.core.access_layer.utils import training_has_ended
from smdebug.core.collection_manager import CollectionManager
from smdebug.core.modes import ModeKeys
from smdebug.core.reductions import get_reduction_tensor_name
from smdebug.core.writer import FileWriter

ROOT = sys.argv[1]
TRAIN, EVAL = ModeKeys.TRAIN, ModeKeys.EVAL
WORKER = "worker_0"
LOSSES = {"losses": "loss"}


def trial(case: str, steps: Sequence[Any], collections: Mapping[str, str] | None = None, *, ended: bool = True) -> None:
    """A job. Each step is (step, tensors), or (step, tensors, mode, mode step)."""
    out = f"{ROOT}/{case}"
    manager = CollectionManager()
    for name, pattern in (collections or {}).items():
        manager.add(name)
        manager.get(name).include(pattern)
    manager.export(out, f"{WORKER}_collections.json")
    for step, tensors, *rest in steps:
        mode, mode_step = rest or (ModeKeys.GLOBAL, step)
        writer = FileWriter(trial_dir=out, step=step, worker=WORKER)
        for name, value in tensors.items():
            writer.write_tensor(tdata=np.asarray(value), tname=name, mode=mode, mode_step=mode_step)
        writer.close()
    if ended:
        training_has_ended(out)


def constant(name: str, values: Mapping[int, Any]) -> list[tuple[int, dict[str, Any]]]:
    return [(step, {name: value}) for step, value in values.items()]


def trained(name: str, values: Sequence[Any], every: int = 1) -> list[tuple[Any, ...]]:
    return [(every * number, {name: value}, TRAIN, every * number) for number, value in enumerate(values)]


def reduced(name: str, kind: str, value: float, *, absolute: bool = False) -> dict[str, float]:
    return {get_reduction_tensor_name(name, kind, absolute): value}


def gradients() -> None:
    sizes = {0: 1e-2, 50: 1e-7, 100: 9.9e-8, 150: 1.0}
    steps = [
        (step, {"gradient/a": np.full(40, np.float32(1e-3)), "gradient/b": np.full((4, 10), -size)})
        for step, size in sizes.items()
    ]
    trial("vanishing", steps, {"gradients": "^gradient"})
    means = [(step, reduced("gradient/a", "mean", mean, absolute=True)) for step, mean in ((0, 0.1), (7, 2e-8))]
    trial("vanishing_reduced", means, {"gradients": "gradient"})


def values() -> None:
    trial("exploding", [
        (0, {"x": np.array([3e38, 1], "f4")}), (7, {"x": np.array([1, -np.inf], "f4")}),
        (9, {"x": np.array([np.nan, 2], "f4")}),
    ])  # fmt: skip
    trial("exploding_half", constant("half", {3: np.array([65504, 1], "f2"), 4: np.array([np.inf], "f2")}))
    trial("exploding_reduced", [(0, reduced("x", "mean", 1.0)), (2, reduced("x", "max", np.inf))])
    trial("zeros", constant("w", {0: np.r_[np.zeros(99), 1], 20: np.zeros((10, 10), "f4")}), {"mine": "^w$"})
    trial("zeros_integer", constant("w", {0: np.array([0, 0, 1], "i8"), 1: np.array([0, 0, 0], "i4")}))
    trial("variance", constant("w", {0: [0, 2.0], 4: [0, 2.2], 5: [0, 0.1]}), {"mine": "w"})
    unchanged = {0: 1, 2: 2, 9: 2, 11: 2.1, 12: 2.1, 20: 2.1 + 1e-7}
    trial("unchanged", [(step, {"w": [1.0, last], "o": [float(step)]}) for step, last in unchanged.items()])
    trial("similar", [(step, {"w": [1.0, step]}) for step in range(4)])
    trial("similar_other", [(step, {"w": [1.0, step + (1e-3 if step == 2 else 1e-9)]}) for step in range(4)])


def start(loss: float, ratio: float = 1.0, spread: float = 1.0) -> dict[str, Any]:
    line = np.linspace(-1, 1, 101)
    return {"l1_relu_input": line, "l2_relu_input": np.sqrt(ratio) * line, "gradient/w": spread * line, "loss": loss}


def starts() -> None:
    collections = {"gradients": "^gradient", **LOSSES}
    falling = [1 - number / 20 for number in range(12)]
    cases = {
        "start_good": [start(loss) for loss in falling],
        "start_variance": [start(loss, 9.9 if number < 3 else 10.2) for number, loss in enumerate(falling)],
        "start_gradient": [start(loss, 1, 1 if number < 4 else 0.00055) for number, loss in enumerate(falling)],
        "start_gradient_wide": [start(loss, 1, 0.00056) for loss in falling],
        "start_loss": [start(1.0 if number else 0.5) for number in range(12)],
    }
    for name, tensors in cases.items():
        trial(name, [(10 * number, found, TRAIN, 10 * number) for number, found in enumerate(tensors)], collections)


def nodes(inactive: int, value: float, samples: int = 8) -> Any:
    """Ten nodes, the first of which hold another value than the others' 0.3."""
    return np.tile(np.where(np.arange(10) < inactive, value, 0.3), (samples, 1))


def activations() -> None:
    trial("saturated", constant("dense_tanh_input_0", {0: nodes(5, 9.6), 5: nodes(6, 9.6)}))
    trial(
        "saturated_slowly", constant("dense_tanh_input_0", {step: nodes(6 if step else 0, 9.6) for step in range(130)})
    )
    trial("saturated_sigmoid", [
        (0, {"dense_sigmoid_input_0": nodes(6, 16.9)}), (5, {"dense_sigmoid_input_0": nodes(10, -22.9)}),
        (6, {"d2_sigmoid_input_0": nodes(6, -23.5)}),
    ])  # fmt: skip
    trial("dead", [(0, {"conv_relu_output_0": nodes(5, 0)}), (3, {"conv2_relu_output_0": nodes(6, 0)})])


def weights() -> None:
    trial(
        "update", trained("conv.weight", [[1.0, 1.0], [-0.1, -0.1], [1.0, 1.0], [-0.09, -0.09]]), {"weights": "weight"}
    )
    trial("update_small", trained("conv.weight", [[1.0, 1.0], [1.0, 1 + 3e-8], [1.0, 1 + 3e-8]]), {"weights": "weight"})


def counts(zeros: int, ones: int) -> Any:
    return np.r_[np.zeros(zeros), np.ones(ones)].astype("i8")


def classes() -> None:
    def labelled(labels: Any, predictions: Any) -> dict[str, Any]:
        return {"labels": labels, "predictions": predictions}

    cases = {
        "imbalance": labelled(counts(91, 9), counts(91, 9)),
        "imbalance_limit": labelled(counts(90, 9), counts(90, 9)),
        "imbalance_mistaken": labelled(counts(50, 50), np.r_[np.zeros(50), np.ones(14), np.zeros(36)]),
        "imbalance_scores": labelled(counts(5, 5), np.tile([[0.4, 0.6]], (10, 1))),
    }
    for name, tensors in cases.items():
        trial(name, [(step, tensors) for step in range(8)])
    ten = np.repeat(np.arange(10), 7)
    trial("confusion_none", [(0, labelled(ten, ten))])
    trial("confusion", [
        (0, labelled(counts(10, 10), counts(10, 10))),
        (4, labelled(np.r_[np.zeros(9), 1, np.ones(9)], counts(10, 9))),
        (8, labelled(np.r_[np.zeros(8), 1, 1, np.ones(9)], counts(10, 9))),
    ])  # fmt: skip


def losses() -> None:
    trial("loss", trained("loss", [2.0 - 0.01 * min(step, 21) for step in range(0, 60, 3)], every=3), LOSSES)
    trial("loss_plain", constant("loss", {0: 1.0, 10: 0.95, 20: 0.9495, 30: 0.9}), LOSSES)
    trial("loss_up", constant("loss", {0: 1.0, 10: 1.04, 20: 1.0, 30: 1.0625}), LOSSES)
    both = [
        (2 * number + later, {"loss": 0.5 if later else falling}, EVAL if later else TRAIN, number)
        for number, falling in enumerate(np.linspace(1, 0.1, 30))
        for later in (0, 1)
    ]
    trial("loss_modes", both, LOSSES)
    trial("overtraining", trained("loss", [1, 0.5, 0.3, 0.3, 0.295, 0.3, 0.3, 0.4], every=100), LOSSES)
    trial("overtraining_not", trained("loss", [1, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.28], every=100), LOSSES)
    steps: list[tuple[Any, ...]] = []
    for epoch, (training, evaluated) in enumerate(((1.0, 1.09), (0.8, 0.9), (0.5, 0.55))):
        steps += [(5 * epoch + batch, {"loss": training}, TRAIN, 3 * epoch + batch) for batch in range(3)]
        steps += [(5 * epoch + 3 + batch, {"loss": evaluated}, EVAL, 2 * epoch + batch) for batch in range(2)]
    trial("overfit", steps, LOSSES)
    pairs = [
        (step, {"train-logloss": 0.5, "validation-logloss": loss})
        for step, loss in enumerate([0.5, 0.549, 0.55, 0.551, 0.6])
    ]
    trial("overfit_boosting", pairs, {"metrics": "-", "losses": "-"})
    trial("stalled", constant("loss", {0: 1.0}), LOSSES, ended=False)


def inputs() -> None:
    def images(value: float) -> Any:
        found = np.zeros((256, 3, 4, 4), "f4")
        found[:, 1] = value
        return found

    trial("images", constant("hybridsequential0_input_0", {0: images(0.25), 500: images(0.16)}))
    trial("images_centred", constant("hybridsequential0_input_0", {0: images(0.25), 500: images(0.14)}))
    trial("tokens", constant("embedding0_input_0", {0: [[0, 0, 5, 6]], 10: [[0, 0, 0, 6, 1]]}))


def boosting() -> None:
    trees = {10 * number: np.arange(largest + 1) for number, largest in enumerate((30, 31, 32))}
    trial("trees", constant("trees/Node", trees), {"trees": "^trees/"})
    shares = {0: (0.3, 0.3, 0.2, 0.1, 0.1), 10: (0.3, 0.3, 0.21, 0.1, 0.09)}
    named = [
        (step, {f"feature_importance/weight/f{number}": [share] for number, share in enumerate(found)})
        for step, found in shares.items()
    ]
    trial("importance", named, {"feature_importance": "^feature_importance/"})
    trial("importance_vector", constant("feature_importance/weight", shares))
    trial("metrics", constant("train-rmse", {0: 1.0}), {"metrics": "-"})


def own_rules() -> None:
    """For rules of users: two jobs, the second of which goes another way after step 30."""
    for name, apart in (("job", 0.0), ("job_other", 0.2)):
        steps = []
        for number, step in enumerate(range(0, 60, 2)):
            mode, mode_step = (EVAL, number // 5) if number % 5 == 4 else (TRAIN, number - number // 5)
            loss = max(1 / (1 + step / 10), 0.2)
            tensors: dict[str, Any] = {"loss": np.float32(loss * (1 + step / 100) if mode is EVAL else loss)}
            if mode is TRAIN:
                tensors["gradient/fc.weight"] = np.full((3, 3), 0.1 * step)
                tensors["fc.weight"] = np.full((3, 3), 0.05 * step + (apart if step > 30 else 0))
            steps.append((step, tensors, mode, mode_step))
        trial(name, steps, {**LOSSES, "gradients": "^gradient", "weights": "weight$"})


for write in (gradients, values, starts, activations, weights, classes, losses, inputs, boosting, own_rules):
    write()
