"""`gridwatch preflight --run` on a PyTorch script as it is, and with planted faults in its data and its code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gridwatch.cli.main import app
from scripts.peer_environment import why_missing

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.skipif(bool(why_missing("frameworks")), reason=why_missing("frameworks") or "present")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, str(EXAMPLES / "digits.py"), str(folder)], check=True)
    return folder / "mnist"


def run(
    folder: Path, digits: Path, *, scale: float = 1.0, code: tuple[str, str] = ("", ""), **hyperparameters: str
) -> dict[str, tuple[str, str]]:
    """Check -> its level and message, of the architectures example with words of spec and script replaced."""
    shutil.copytree(EXAMPLES / "pytorch", folder / "pytorch")
    script = folder / "pytorch" / "train.py"
    assert code[0] in script.read_text()
    script.write_text(script.read_text().replace(*code) if code[0] else script.read_text())
    (folder / "mnist").mkdir()
    np.save(folder / "mnist" / "images.npy", np.load(digits / "images.npy") * np.float32(scale))
    shutil.copy(digits / "labels.npy", folder / "mnist")
    spec = (EXAMPLES / "architectures.yaml").read_text()
    for old, new in hyperparameters.items():
        assert f"{old}: 0.01" in spec
        spec = spec.replace(f"{old}: 0.01", f"{old}: {new}")
    (folder / "spec.yaml").write_text(spec)
    command = ["preflight", str(folder / "spec.yaml"), "--data", str(folder), "--run", "--json"]
    notices = json.loads(CliRunner().invoke(app, command).stdout)["notices"]
    return {
        notice["check"]: (notice["level"], notice["message"])
        for notice in notices
        if notice["check"].startswith("short-run")
    }


def test_a_sound_script_says_nothing(tmp_path: Path, digits: Path) -> None:
    assert run(tmp_path, digits) == {}


def test_a_learning_rate_that_makes_it_diverge_is_refused(tmp_path: Path, digits: Path) -> None:
    ((check, (level, message)),) = run(tmp_path, digits, lr="1e30").items()
    assert (check, level) == ("short-run-gradients", "refuse")
    assert "is not finite" in message


def test_inputs_that_are_not_scaled_start_too_high(tmp_path: Path, digits: Path) -> None:
    level, message = run(tmp_path, digits, scale=1000.0)["short-run-initial-loss"]
    assert level == "warn"
    assert message.endswith("to 2.303 is expected")


def test_inputs_that_say_nothing_cannot_be_learned(tmp_path: Path, digits: Path) -> None:
    found = run(tmp_path, digits, scale=0.0)
    assert list(found) == ["short-run-overfits"]
    assert "in 200 steps with Adam" in found["short-run-overfits"][1]


def test_a_script_that_fails_is_refused_with_what_it_said(tmp_path: Path, digits: Path) -> None:
    found = run(tmp_path, digits, code=('"labels")', '"lables")'))
    assert found["short-run"][0] == "refuse"
    assert "lables.npy" in found["short-run"][1]


def test_a_package_that_is_only_in_the_image_is_no_fault(tmp_path: Path, digits: Path) -> None:
    found = run(tmp_path, digits, code=("import numpy as np", "import numpy as np\nimport a_package_of_the_image"))
    message = "not run: the local PyTorch environment has no package a_package_of_the_image"
    assert found == {"short-run": ("note", message)}
