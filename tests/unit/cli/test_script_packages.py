"""A script's imports are read, and what is not where it will run is said before anything is launched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gridwatch.cli import script_packages
from gridwatch.cli.launch_site import Nowhere
from gridwatch.cli.main import main
from gridwatch.cli.script_packages import Place, imports_of, lacking, local_place, place_of_aws
from gridwatch.cli.submit import submit
from gridwatch_rules.clock import SystemClock

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
SCRIPT = """
import os, numpy as np
import torch.nn as nn
from helpers.deep import more
import model
try:
    import cupy
except ImportError:
    cupy = None
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import pandas_stubs
def late():
    from sklearn.metrics import auc
"""


def packed(folder: Path, **files: str) -> dict[str, Path]:
    made = {}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        made[name] = path
    return made


def script(folder: Path, **files: str) -> dict[str, Path]:
    own = {
        "train.py": SCRIPT,
        "helpers/__init__.py": "import yaml",
        "helpers/deep.py": "import lightgbm",
        "model.py": "from . import layers\nimport train",
        "layers.py": "import einops",
        "tests.py": "import pytest",
    }
    return packed(folder, **own, **files)


def test_the_entry_points_own_files_are_followed_and_no_others(tmp_path: Path) -> None:
    found = {each.module: (each.file, each.line) for each in imports_of(script(tmp_path), "train.py")}
    assert set(found) == {"numpy", "torch", "sklearn", "yaml", "lightgbm", "einops"}
    assert found["torch"] == ("train.py", 3)
    assert found["lightgbm"] == ("helpers/deep.py", 1)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Place("the place", frozenset({"numpy", "torch"}), frozenset({"scikit-learn", "pyyaml"}))
    monkeypatch.setattr(script_packages, "local_place", lambda _: made)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("imported", ["from gridwatch_hook import Hook", "import gridwatch_hook.pytorch"])
def test_the_hook_which_no_index_has_is_to_be_copied(imported: str, tmp_path: Path) -> None:
    (told,) = lacking(packed(tmp_path, **{"train.py": imported}), "train.py", XGBOOST, is_local=True)
    assert told.endswith("does not have: copy Gridwatch's folder hook/gridwatch_hook beside the script")


@pytest.mark.usefixtures("place")
def test_what_is_not_there_is_said_with_its_line(tmp_path: Path) -> None:
    told = lacking(script(tmp_path), "train.py", XGBOOST, is_local=True)
    assert [line.partition(",")[0] for line in told] == [
        "helpers/deep.py:1 imports lightgbm", "layers.py:1 imports einops",
    ]  # fmt: skip
    assert "the place does not have: name it in a requirements.txt" in told[0]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("requirements", "left"),
    [
        ("lightgbm>=4 # fast\neinops\n", []),
        ("LightGBM[scikit-learn]==4.5 ; python_version > '3'\n", ["einops"]),
        ("-r more.txt\n", []),
        ("git+https://example.org/x.git\n", []),
    ],
)
def test_a_requirements_file_brings_what_it_names(tmp_path: Path, requirements: str, left: list[str]) -> None:
    files = script(tmp_path, **{"requirements.txt": requirements})
    told = lacking(files, "train.py", XGBOOST, is_local=True)
    assert [line.split(" imports ")[1].partition(",")[0] for line in told] == left


@pytest.mark.usefixtures("place")
def test_whoever_reads_a_spec_learns_what_its_script_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(tmp_path / "code")
    spec = tmp_path / "own.yaml"
    spec.write_text(
        "name: own\nobjective: {metric: loss, direction: minimize}\nalgorithm: {framework: sklearn, version: 1.9-0, "
        "source: code, entry_point: train.py, metrics: {loss: 'loss=([0-9.eE+-]+)'}}\n"
    )
    offline = replace(Nowhere.create("us-east-1"), is_local=True)
    monkeypatch.setattr("gridwatch.cli.plan.Nowhere", SimpleNamespace(create=lambda _: offline))
    for command in ("plan", "preflight"):
        monkeypatch.setattr("sys.argv", ["gridwatch", command, str(spec)])
        with pytest.raises(SystemExit):
            main()
        assert "warning: layers.py:1 imports einops, which the place does not have" in capsys.readouterr().err
    monkeypatch.setattr("gridwatch.cli.submit.cloud_of", lambda _: Uploading())
    monkeypatch.setattr("gridwatch.cli.submit.Deployed", lambda _: offline)
    submit(cast("Any", None), spec)
    printed = capsys.readouterr().err
    assert printed.index("warning: layers.py:1 imports einops") < printed.index("uploaded to s3://")


class Uploading:
    """A cloud that takes what is put into it."""

    clock = SystemClock()
    deployment = SimpleNamespace(experiments_bucket="specs")
    session = SimpleNamespace(s3=SimpleNamespace(put_object=lambda **_: None))


def test_awss_image_is_compared_where_it_is_known(tmp_path: Path) -> None:
    told = lacking(script(tmp_path), "train.py", XGBOOST, is_local=False)
    modules = [line.split(" imports ")[1].partition(",")[0] for line in told]
    assert sorted(modules) == ["einops", "lightgbm", "torch"], "pandas, scikit-learn and yaml are in AWS's image"
    assert "AWS's image sagemaker-xgboost:3.2-0" in told[0]
    assert place_of_aws("1.dkr.ecr.us-east-1.amazonaws.com/own:1") is None


def test_the_local_environments_are_looked_into() -> None:
    place = local_place(XGBOOST)
    assert place is not None
    assert ".venvs/xgboost" in place.name
    assert place.has("xgboost")
    assert place.has("numpy")
    assert not place.has("torch")
    assert local_place("1.dkr.ecr.us-east-1.amazonaws.com/own:1") is None


def test_a_script_that_cannot_be_parsed_says_so_in_its_job(tmp_path: Path) -> None:
    assert list(imports_of(packed(tmp_path, **{"train.py": "import ("}), "train.py")) == []
