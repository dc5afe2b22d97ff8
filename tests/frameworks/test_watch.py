"""Scripts that do not know of Gridwatch are run by `python -m gridwatch_hook run`: what is seen, and that nothing
changes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_hook.carrier.build import carry
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from scripts.peer_environment import python_of, why_missing

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "trainings" / "watched"
PYTHON = str(python_of("frameworks"))

pytestmark = pytest.mark.skipif(bool(why_missing("frameworks")), reason=why_missing("frameworks") or "present")


def started(tmp_path: Path, *words: str, path: str = "", **variables: str) -> str:
    bin_folder = str(Path(PYTHON).parent)
    environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    environment |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", **variables}
    ended = subprocess.run(
        words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "gridwatch_hook:" not in ended.stderr, ended.stderr[-3000:]
    return ended.stdout


def watched(tmp_path: Path, *words: str, hook: Mapping[str, Any] | None = None, **variables: str) -> str:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"hook": hook or {}, "heartbeat_seconds": 1}))
    command = [PYTHON, "-m", "gridwatch_hook", "run", "-o", "out", "--config", str(config), *words]
    return started(tmp_path, *command, path=str(ROOT / "hook"), **variables)


class Saved:
    """What a run wrote, by name and worker."""

    def __init__(self, folder: Path) -> None:
        self.reader = TensorReader(LocalSource(folder))
        self.steps = list(self.reader.new_steps(Cursor(), ended=True))

    def curve(self, name: str, worker: str | None = None) -> dict[int, float]:
        return {
            saved.step: float(self.reader.value(saved, name, worker).reshape(-1)[0])
            for saved in self.steps
            if saved.place(name, worker)
        }

    @property
    def names(self) -> set[str]:
        return {name for saved in self.steps for name in saved.names}


TIMES = {"step_seconds", "data_wait_seconds", "samples_per_second"}
SEEN = {
    "loop": (80, {"loss", "learning_rate", "gradient_norm", "resident_bytes", *TIMES}),
    "huggingface": (
        24,
        {"loss", "logged_loss", "eval_loss", "learning_rate", "gradient_norm", "tokens_per_second", *TIMES},
    ),
    "module": (48, {"loss", "train_loss", "val_loss", "learning_rate", "gradient_norm", *TIMES}),
    "fit": (18, {"loss", "val_loss", "mae", "val_mae", "learning_rate", *TIMES}),
    "rounds": (40, {"train-logloss", "validation-auc", "validation_0-error", "step_seconds"}),
    "leaves": (20, {"train-binary_logloss", "valid-binary_logloss", "step_seconds"}),
    "board": (50, {"Loss/train", "acc"}),
    "estimators": (18, {"loss"}),
}


@pytest.mark.parametrize("script", sorted(SEEN))
def test_an_unchanged_script_is_seen_and_trains_the_same(tmp_path: Path, script: str) -> None:
    steps, names = SEEN[script]
    path = str(SCRIPTS / f"{script}.py")
    with_watch = watched(tmp_path, path)
    assert with_watch.splitlines()[-1:] == started(tmp_path, PYTHON, path).splitlines()[-1:]
    saved = Saved(tmp_path / "out" / "debug-output")
    assert names <= saved.names
    assert [each.step for each in saved.steps] == list(range(steps))
    assert not saved.reader.collections().has("metrics", "learning_rate")
    status = json.loads((tmp_path / "out" / "heartbeat-output" / "status" / "worker_0.json").read_text())
    assert (status["step"], status["phase"]) == (steps - 1, "over")
    assert Saved(tmp_path / "out" / "heartbeat-output").names >= {"heartbeat/step", "heartbeat/phase"}


@pytest.mark.parametrize("case", ["plain", "accumulated", "scaled", "compiled"])
def test_the_loss_is_that_which_the_gradients_are_of(tmp_path: Path, case: str) -> None:
    printed = [float(line) for line in watched(tmp_path, str(SCRIPTS / "awkward.py"), case).split()]
    saved = Saved(tmp_path / "out" / "debug-output")
    found = list(saved.curve("loss").values())
    # The last step of a compiled optimizer shows only in the next one's beginning, which does not come.
    expected = printed[:-1] if case == "compiled" else printed
    np.testing.assert_allclose(found[: len(expected)], expected, rtol=1e-5)
    assert len(found) >= len(expected)
    assert "own" in saved.names


def test_a_dead_layer_is_found_by_the_rule_without_a_line_in_the_script(tmp_path: Path) -> None:
    every = {"CollectionParameters": {"save_interval": "1"}}
    names = ("relu_input", "relu_output", "gradients", "weights")
    hook = {"CollectionConfigurations": [{"CollectionName": name, **every} for name in names]}
    for case, code in (("dead", 3), ("plain", 0)):
        watched(tmp_path, str(SCRIPTS / "awkward.py"), case, hook=hook)
        check = [
            str(ROOT / ".venv" / "bin" / "python"),
            "-m",
            "gridwatch_rules.command",
            "check",
            str(tmp_path / "out"),
            "--rule",
            "DeadRelu",
        ]
        environment = {"PYTHONPATH": str(ROOT / "rules"), "PATH": os.environ["PATH"]}
        ended = subprocess.run(check, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == code, ended.stdout + ended.stderr
        (tmp_path / "out").rename(tmp_path / f"out-{case}")
    assert "gradient/Sequential_0.weight" in Saved(tmp_path / "out-plain" / "debug-output").names


@pytest.mark.parametrize(
    ("script", "collections", "tensors"),
    [
        ("fit", ("weights", "gradients"), {"sequential/dense/kernel", "gradient/sequential/dense/kernel"}),
        (
            "rounds",
            ("feature_importance", "predictions", "labels"),
            {"feature_importance/gain/f0", "predictions", "labels"},
        ),
    ],
)
def test_tensors_that_collections_ask_for_are_saved(
    tmp_path: Path, script: str, collections: tuple[str, ...], tensors: set[str]
) -> None:
    every = {"CollectionParameters": {"save_interval": "5"}}
    hook = {"CollectionConfigurations": [{"CollectionName": name, **every} for name in collections]}
    path = str(SCRIPTS / f"{script}.py")
    assert watched(tmp_path, path, hook=hook).splitlines()[-1:] == started(tmp_path, PYTHON, path).splitlines()[-1:]
    saved = Saved(tmp_path / "out" / "debug-output")
    for name in tensors:
        assert [each.step for each in saved.steps if each.place(name)][:3] == [0, 5, 10], (name, saved.names)


def test_keras_calls_the_watch_between_batches_and_not_beside_them(tmp_path: Path) -> None:
    script = tmp_path / "listed.py"
    script.write_text(
        "import keras\n"
        "listed = keras.callbacks.CallbackList(None, add_history=True, model=keras.Sequential())\n"
        "print([type(each).__name__ for each in listed.callbacks][-1], listed._async_train)\n"
    )
    assert started(tmp_path, PYTHON, str(script)).split() == ["History", "True"]
    assert watched(tmp_path, str(script)).split() == ["GridwatchCallback", "False"]


def test_every_rank_is_seen_and_no_loaders_worker(tmp_path: Path) -> None:
    watched(tmp_path, "torchrun", "--nproc-per-node", "2", str(SCRIPTS / "ranks.py"))
    saved = Saved(tmp_path / "out" / "debug-output")
    first, second = saved.curve("loss", "worker_0"), saved.curve("loss", "worker_1")
    assert list(first) == list(second) == list(range(8))
    status = sorted(path.name for path in (tmp_path / "out" / "heartbeat-output" / "status").iterdir())
    assert status == ["worker_0.json", "worker_1.json"]


@pytest.mark.parametrize("kind", ["fork", "spawn"])
def test_a_child_that_trains_is_seen(tmp_path: Path, kind: str) -> None:
    watched(tmp_path, str(SCRIPTS / "processes.py"), kind)
    assert list(Saved(tmp_path / "out" / "debug-output").curve("loss")) == list(range(10))


def test_a_second_training_continues_the_steps_of_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        watched(tmp_path, str(SCRIPTS / "processes.py"), "spawn")
    assert list(Saved(tmp_path / "out" / "debug-output").curve("loss")) == list(range(20))


def test_a_place_that_cannot_be_written_harms_no_training(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    carry(tmp_path / "carrier", {"place": str(tmp_path / "out")})
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "carrier"), "HOME": str(tmp_path)}
    ended = subprocess.run(
        [PYTHON, str(SCRIPTS / "loop.py")], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == started(tmp_path, PYTHON, str(SCRIPTS / "loop.py"))
