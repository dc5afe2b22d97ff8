"""Each distribution works by itself, from its wheel: `make test-dist` builds the wheels and runs this."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.dist.conftest import DIST, ROOT, Installed

Install = Callable[[str], Installed]
TENSORS = ROOT / "tests" / "data" / "tensors" / "boosting"
CURVES = ROOT / "benchmarks" / "curves" / "mlp_wine.json.gz"
TRAINING = """
import sys
from gridwatch_hook import Hook
hook = Hook.create("tensors")
for step in range(30):
    hook.save_scalar("loss", 1.0, collection="losses")
    hook.next_step()
print(hook.close())
assert not {"boto3", "torch", "xgboost", "gridwatch", "gridwatch_rules"} & set(sys.modules)
"""
NOTEBOOK = """
import gridwatch_rules
found = gridwatch_rules.check("tensors", "LossNotDecreasing", {"num_steps": "5"})
print(found.status)
(outcome,) = gridwatch_rules.backtest("curves.json.gz", ["MedianStopping"], orders=2)
print(outcome.rule, 0 <= outcome.means["saved"].mean <= 1)
"""


def test_there_are_three_wheels_of_one_version() -> None:
    names = sorted(path.name for path in DIST.glob("*.whl"))
    assert [re.sub(r"-\d.*", "", name) for name in names] == ["gridwatch", "gridwatch_hook", "gridwatch_rules"]
    assert len({name.split("-")[1] for name in names}) == 1


def test_the_hook_writes_what_the_engine_judges(installed: Install) -> None:
    hook, rules = installed("gridwatch_hook"), installed("gridwatch_rules")
    assert {"gridwatch_hook", "numpy"} <= hook.top_level()
    assert hook.top_level().isdisjoint({"boto3", "gridwatch", "gridwatch_rules", "typer"})
    hook.run("python", "-c", TRAINING)
    shutil.copytree(hook.folder / "tensors", rules.folder / "tensors")
    told = rules.run("gridwatch-rules", "check", "tensors", "--rule", "LossNotDecreasing", "-p", "num_steps=5", code=3)
    assert "LossNotDecreasing: IssuesFound at step" in told
    shutil.copy(CURVES, rules.folder / "curves.json.gz")
    assert rules.run("python", "-c", NOTEBOOK).splitlines() == ["IssuesFound", "MedianStopping True"]


def test_the_engine_alone(installed: Install) -> None:
    rules = installed("gridwatch_rules")
    assert rules.top_level().isdisjoint({"boto3", "gridwatch", "gridwatch_hook", "infra"})
    found = json.loads(rules.run("gridwatch-rules", "check", str(TENSORS), "--rule", "Overfit", "--json"))
    assert (found["rule"], found["status"]) == ("Overfit", "NoIssuesFound")
    assert "validation-error" in rules.run("gridwatch-rules", "tensors", str(TENSORS))
    own = f"{ROOT / 'examples' / 'rules' / 'loss_above.py'}:LossAbove"
    told = rules.run(
        "gridwatch-rules", "check", str(TENSORS), "--rule", own, "-p", "metric=train-error", "-p", "limit=0.1", code=3
    )
    assert "IssuesFound" in told
    told = rules.run("gridwatch-rules", "backtest", str(CURVES), "--rule", "MedianStopping", "--orders", "2")
    assert re.search(r"^mlp_wine +MedianStopping +\d", told, re.MULTILINE)


def test_the_platform(installed: Install) -> None:
    platform = installed("gridwatch")
    ours = {"gridwatch", "gridwatch_rules", "gridwatch_hook"}
    assert ours <= platform.top_level()
    assert platform.top_level().isdisjoint({"infra", "functions", "localcloud", "gridwatch_cli", "scripts", "tests"})
    assert "Hyperparameter grids on SageMaker" in platform.run("gridwatch", "--help")
    shutil.copytree(ROOT / "examples", platform.folder / "examples")
    told = platform.run("gridwatch", "plan", "examples/blobs.yaml")
    assert told.startswith("experiment blobs: 8 trials"), told
    listed = json.loads(platform.run("gridwatch", "rules", "list", "--json"))
    assert len(listed) > 40


def test_what_the_platform_deploys_is_laid_out_like_a_checkout(installed: Install) -> None:
    program = (
        "from gridwatch.project import project_root; import sys; root = project_root(); sys.path[:0] = [str(root)]\n"
        "from pathlib import Path; from infra.constructs.own_layer import assemble\n"
        "layer = assemble(root, Path('layer'))\n"
        "print(sorted(each.name for each in (layer / 'python').iterdir()))\n"
        "print(sorted(each.name for each in root.iterdir()))"
    )
    packages, top = installed("gridwatch").run("python", "-c", program).splitlines()
    assert packages == "['gridwatch', 'gridwatch_rules']"
    assert {"cdk.json", "functions", "hook", "infra", "layers", "rules"} <= set(re.findall(r"'([^']+)'", top))


def test_every_wheel_holds_its_package_its_license_and_no_more() -> None:
    for path in DIST.glob("*.whl"):
        name = path.name.split("-")[0]
        files = zipfile.ZipFile(path).namelist()
        assert {file.split("/")[0] for file in files} == {name, f"{name}-{path.name.split('-')[1]}.dist-info"}
        assert {"py.typed", "__init__.py"} <= {file.split("/")[1] for file in files if file.startswith(f"{name}/")}
        assert any(file.endswith(".dist-info/licenses/LICENSE") for file in files)
        assert not [file for file in files if file.endswith(".pyc") or "/tests/" in file]
        assert not [file for file in files if str(ROOT).encode() in zipfile.ZipFile(path).read(file)]


def test_the_platform_looks_without_a_home_and_says_what_it_needs_one_for(installed: Install, tmp_path: Path) -> None:
    platform = installed("gridwatch")
    (tmp_path / "file").write_text("")
    nowhere = {"HOME": str(tmp_path / "file")}  # a file: nobody can make a folder in it
    assert platform.run("gridwatch", "plan", str(ROOT / "examples" / "blobs.yaml"), environment=nowhere)
    assert platform.run("gridwatch", "rules", "list", "--json", environment=nowhere)
    told = platform.complaint("gridwatch", "local", "up", "--port", "0", environment=nowhere)
    assert "set XDG_CACHE_HOME to a folder that you may write to" in told
    assert "Traceback" not in told


def test_the_cdk_app_starts_with_the_python_of_the_environment(installed: Install) -> None:
    platform = installed("gridwatch")
    root = Path(platform.run("python", "-c", "from gridwatch.project import project_root as r; print(r())").strip())
    app = shlex.split(json.loads((root / "cdk.json").read_text())["app"])
    assert app == [str(platform.place / "bin" / "python"), "-m", "infra.app"]
    assert {"package.json", "package-lock.json"} <= {path.name for path in root.iterdir()}
