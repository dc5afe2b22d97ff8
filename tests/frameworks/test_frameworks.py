"""PyTorch and Keras trainings with the hook: what readers find, and that training is the same with and without it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from gridwatch_rules.tensors.steps import SavedStep
from scripts.peer_environment import python_of, why_missing

ROOT = Path(__file__).parents[2]
TRAININGS = Path(__file__).parent / "trainings"

pytestmark = pytest.mark.skipif(bool(why_missing("frameworks")), reason=why_missing("frameworks") or "present")


def train(script: str, out: Path | None = None, collections: Mapping[str, Any] | None = None, **options: Any) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "hook"), "KERAS_BACKEND": "torch"}
    environment["HOME"] = str(out.parent) if out else "/nonexistent"
    if out and collections is not None:
        listed = [{"CollectionName": name, "CollectionParameters": given} for name, given in collections.items()]
        environment["GRIDWATCH_HOOK_CONFIG"] = json.dumps({"CollectionConfigurations": listed})
        environment["GRIDWATCH_TENSORS_URI"] = str(out)
    words = [f"{name}={value}" for name, value in options.items()] + ([f"hook={out}"] if out else [])
    command = [str(python_of("frameworks")), str(TRAININGS / f"{script}.py"), *words]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "gridwatch_hook:" not in finished.stderr, finished.stderr
    return finished.stdout


class Saved:
    """A folder of tensors, read."""

    def __init__(self, folder: Path) -> None:
        self.reader = TensorReader(LocalSource(folder))
        self.steps: list[SavedStep] = list(self.reader.new_steps(Cursor(), ended=True))

    def of(self, mode: str) -> list[SavedStep]:
        return [saved for saved in self.steps if saved.mode.name == mode]

    def value(self, saved: SavedStep, name: str) -> Any:
        return self.reader.value(saved, name)


EVERY = {"save_interval": "1"}
EVERYTHING = {
    "weights": EVERY, "biases": EVERY, "gradients": EVERY, "losses": EVERY, "relu_input": EVERY, "relu_output": EVERY,
    "outputs": {"include_regex": "^(Net|fc2)_output", "save_interval": "1"},
}  # fmt: skip


def test_pytorch_tensors_have_smdebugs_names_and_modes(tmp_path: Path) -> None:
    train("mlp", tmp_path / "out", EVERYTHING, steps=10)
    saved = Saved(tmp_path / "out")
    training, evaluation = saved.of("TRAIN"), saved.of("EVAL")
    assert [step.step for step in saved.steps] == list(range(12))
    assert [step.mode_step for step in training] == list(range(10))
    assert [(step.step, step.mode_step) for step in evaluation] == [(5, 0), (11, 1)]
    parameters = {f"Net_{layer}.{kind}" for layer in ("fc1", "fc2") for kind in ("weight", "bias")}
    outputs = {"relu_input_0", "relu_output_0", "fc2_output_0", "Net_output_0", "CrossEntropyLoss_output_0"}
    gradients = {f"gradient/{name}" for name in parameters}
    assert set(training[3].names) == parameters | gradients | outputs | {"scalar/rate"}
    assert set(evaluation[0].names) == parameters | outputs
    collections = saved.reader.collections()
    assert collections.has("weights", "Net_fc1.weight")
    assert collections.has("gradients", "gradient/Net_fc1.weight")
    assert not collections.has("weights", "gradient/Net_fc1.weight")
    assert collections.has("losses", "CrossEntropyLoss_output_0")


def test_pytorch_values_are_those_of_the_step(tmp_path: Path) -> None:
    """SGD: the weights of the next step are these less rate times gradient, and ReLU's output is its input's positive
    part.
    """
    train("mlp", tmp_path / "out", EVERYTHING, steps=4)
    saved = Saved(tmp_path / "out")
    for now, then in zip(saved.steps, saved.steps[1:], strict=False):
        moved = saved.value(now, "Net_fc1.weight") - 0.5 * saved.value(now, "gradient/Net_fc1.weight")
        np.testing.assert_allclose(saved.value(then, "Net_fc1.weight"), moved, rtol=1e-6, atol=1e-7)
        positive = np.maximum(saved.value(now, "relu_input_0"), 0)
        np.testing.assert_array_equal(saved.value(now, "relu_output_0"), positive)


def test_pytorch_trains_the_same_with_and_without_the_hook(tmp_path: Path) -> None:
    assert train("mlp", tmp_path / "out", EVERYTHING) == train("mlp")


def test_pytorch_saves_losses_alone_without_being_asked(tmp_path: Path) -> None:
    train("mlp", tmp_path / "out", {}, steps=4)
    (first, *others) = Saved(tmp_path / "out").steps
    assert "CrossEntropyLoss_output_0" in first.names
    assert not any("Net_fc1.weight" in saved.names for saved in (first, *others))


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        ("zero_init", lambda saved: not saved.value(saved.steps[0], "gradient/Net_fc1.weight").any()),
        ("dead_relu", lambda saved: not saved.value(saved.steps[0], "relu_output_0").any()),
        ("nan", lambda saved: np.isnan(saved.value(saved.of("TRAIN")[6], "CrossEntropyLoss_output_0")).all()),
        (
            "tiny_rate",
            lambda saved: np.allclose(*(saved.value(saved.of("TRAIN")[step], "Net_fc1.bias") for step in (0, 9))),
        ),
    ],
)
def test_planted_faults_show_in_the_tensors(tmp_path: Path, fault: str, shows: Any) -> None:
    train("mlp", tmp_path / "out", EVERYTHING, steps=10, fault=fault)
    assert shows(Saved(tmp_path / "out"))


def test_a_folder_that_cannot_be_written_changes_nothing_of_the_training(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "hook"), "HOME": str(tmp_path)}
    command = [str(python_of("frameworks")), "-c", FAILING.format(out=tmp_path / "out")]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "steps LOST" in finished.stderr
    assert finished.stdout.split() == ["0.5", "0.25"]


FAILING = """
import torch
from gridwatch_hook.pytorch import PyTorchHook
model = torch.nn.Linear(1, 1, bias=False)
torch.nn.init.constant_(model.weight, 1.0)
hook = PyTorchHook.create("{out}", {{"HookParameters": {{"save_interval": "1"}}, "CollectionConfigurations": [
    {{"CollectionName": "weights"}}, {{"CollectionName": "gradients"}}]}})
hook.register_module(model)
for _ in range(2):
    model(torch.ones(1, 1)).sum().backward()
    with torch.no_grad():
        model.weight *= 0.5
    print(model.weight.item())
hook._hook.close(seconds=0.0)
"""


def test_keras_tensors_have_the_paths_of_their_variables(tmp_path: Path) -> None:
    train(
        "fit",
        tmp_path / "out",
        {"weights": EVERY, "biases": EVERY, "gradients": EVERY, "losses": EVERY, "metrics": EVERY},
    )
    saved = Saved(tmp_path / "out")
    training, evaluation = saved.of("TRAIN"), saved.of("EVAL")
    assert len(training) == 6
    assert len(evaluation) == 2
    variables = {f"sequential/{layer}/{kind}" for layer in ("first", "last") for kind in ("kernel", "bias")}
    assert set(training[0].names) == variables | {f"gradient/{name}" for name in variables} | {"loss", "mae"}
    assert {"loss", "mae"} <= set(evaluation[0].names)
    collections = saved.reader.collections()
    assert collections.has("losses", "loss")
    assert collections.has("metrics", "mae")
    assert collections.has("weights", "sequential/first/kernel")
    now, then = training[0], training[1]
    moved = saved.value(now, "sequential/first/kernel") - 0.01 * saved.value(then, "gradient/sequential/first/kernel")
    np.testing.assert_allclose(saved.value(then, "sequential/first/kernel"), moved, rtol=1e-5, atol=1e-7)


def test_keras_trains_the_same_with_and_without_the_hook(tmp_path: Path) -> None:
    with_hook = train("fit", tmp_path / "out", {"weights": EVERY, "gradients": EVERY, "metrics": EVERY})
    assert with_hook == train("fit")
