"""The example's XGBoost script under SageMaker's own Debugger: with smdebug's hook, which AWS's image has, or ours.

The image's smdebug 1.0.32 is on no registry; this is 1.0.34, its last release.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from gridwatch.localcloud.sagemaker.layout import Layout, lay_out
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from scripts.peer_environment import ROOT, python_of
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import EXAMPLES

SCRIPT = EXAMPLES / "xgboost-debugger" / "train.py"


def _rows(folder: Path, seed: int) -> None:
    draw = random.Random(seed)
    rows = [[draw.random() for _ in range(8)] for _ in range(120)]
    text = "".join(
        f"{10 * row[0] + 3 * row[1]:.4f} {' '.join(f'{at}:{value:.4f}' for at, value in enumerate(row))}\n"
        for row in rows
    )
    (folder / "rows.libsvm").write_text(text)


def _train(layout: Layout, script: Path, parameters: dict[str, str]) -> str:
    environment = {
        "PATH": "/usr/bin:/bin",
        "SAGEMAKER_BASE_DIR": str(layout.base),
        "SM_MODEL_DIR": str(layout.model),
        "SM_CHANNEL_TRAIN": str(layout.data / "train"),
        "SM_CHANNEL_VALIDATION": str(layout.data / "validation"),
        "SMDEBUG_LOG_LEVEL": "error",
    }
    words = [word for name, value in parameters.items() for word in (f"--{name}", value.strip('"'))]
    finished = subprocess.run(
        [str(python_of("interop")), str(script), *words],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout[-1000:] + finished.stderr[-3000:]
    return finished.stdout


@pytest.mark.parametrize("hook", ["smdebug's", "ours"])
def test_the_examples_script_saves_what_debugger_was_told_and_gridwatch_reads_it(hook: str, tmp_path: Path) -> None:
    (request,) = requests(planned((EXAMPLES / "xgboost-debugger.yaml").read_text()))
    layout = lay_out(request, tmp_path / "ml")
    for seed, channel in enumerate(("train", "validation")):
        _rows(layout.data / channel, seed)
    folder = tmp_path / "code"
    folder.mkdir()
    script = Path(shutil.copy(SCRIPT, folder))
    if hook == "ours":
        shutil.copytree(ROOT / "hook" / "gridwatch_hook", folder / "gridwatch_hook")
    own = {name: value for name, value in request["HyperParameters"].items() if not name.startswith("sagemaker_")}

    said = _train(layout, script, own)

    assert "[50]" in said
    assert "validation-rmse:" in said
    reader = TensorReader(LocalSource(layout.local("/opt/ml/output/tensors")))
    saved = list(reader.new_steps(Cursor(), ended=True))
    assert {step.step for step in saved if "validation-rmse" in step.names} == {at for at in range(51) if at % 5 == 0}
    names = {name for step in saved for name in step.names}
    assert any(name.startswith("feature_importance/") for name in names)
    assert any(name.startswith("average_shap/") for name in names)
