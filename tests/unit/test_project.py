"""Where the project lies: the checkout itself, or a folder like it that is made of what a distribution brought."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from gridwatch.cli.errors import CliError
from gridwatch.cli.settings import kept_files
from gridwatch.cli.workshop import Step, how_to_make, make_ready, steps
from gridwatch.project import is_checkout, laid_out, project_root
from gridwatch.settings import cache_folder
from gridwatch_rules.failures import PermanentError
from infra.constructs.own_layer import PACKAGES

ROOT = Path(__file__).resolve().parents[2]


def test_a_checkout_is_its_own_project() -> None:
    assert project_root() == ROOT
    assert is_checkout(ROOT)


def test_what_was_brought_is_laid_out_once(tmp_path: Path) -> None:
    brought = tmp_path / "brought"
    (brought / "functions" / "sweep").mkdir(parents=True)
    (brought / "functions" / "sweep" / "handler.py").write_text("handler = None\n")
    (brought / "cdk.json").write_text("{}")
    made = laid_out(tmp_path / "home", brought)
    assert (made / "functions" / "sweep" / "handler.py").read_text() == "handler = None\n"
    assert all((made / package / "__init__.py").is_file() for package in (*PACKAGES, "hook/gridwatch_hook"))
    (made / "layers").mkdir()
    assert laid_out(tmp_path / "home", brought) == made
    assert [path.name for path in (tmp_path / "home").iterdir()] == [made.name]
    (brought / "cdk.json").write_text('{"app": ""}')
    other = laid_out(tmp_path / "home", brought)
    assert other != made
    assert not (other / "layers").exists()


def test_the_distribution_brings_all_that_the_embedded_cloud_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    brought = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert all((ROOT / place).exists() for place in brought)
    assert all(place == target.removeprefix("gridwatch/checkout/") for place, target in brought.items())
    wanted = {word for step in steps(ROOT) for word in step.command if word.startswith(str(ROOT / "requirements"))}
    assert {str(ROOT / place) for place in brought} >= wanted
    layers = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("layers/*/requirements.txt")}
    assert {f"{layer}/requirements.txt" for layer in layers} <= brought.keys()
    assert {f"layers/{step.command[4]}" for step in steps(ROOT) if "--layer" in step.command} == layers


def test_in_a_checkout_make_makes_what_is_needed() -> None:
    said: list[str] = []
    make_ready(ROOT, said.append)
    assert said == []


def test_the_distributions_say_one_version() -> None:
    told = [tomllib.loads((ROOT / place / "pyproject.toml").read_text())["project"] for place in (".", "rules", "hook")]
    (version,) = {each["version"] for each in told}
    assert {f"{each['name']}=={version}" for each in told[1:]} <= set(told[0]["dependencies"])


def test_the_laid_out_app_starts_with_the_python_that_has_the_packages(tmp_path: Path) -> None:
    brought = tmp_path / "brought"
    brought.mkdir()
    (brought / "cdk.json").write_text((ROOT / "cdk.json").read_text())
    document = json.loads((laid_out(tmp_path / "home", brought) / "cdk.json").read_text())
    assert shlex.split(document["app"]) == [sys.executable, "-m", "infra.app"]
    assert document["context"] == json.loads((ROOT / "cdk.json").read_text())["context"]


def test_a_home_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    brought, home = tmp_path / "brought", tmp_path / "file" / "gridwatch"
    brought.mkdir()
    (tmp_path / "file").write_text("no folder")  # also root cannot make a folder below it
    with pytest.raises(PermanentError, match=r"cannot be made \(.+\); set XDG_CACHE_HOME to a folder"):
        laid_out(home, brought)


def test_looking_lays_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridwatch.project._PACKAGE", tmp_path / "site-packages" / "gridwatch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert kept_files({}) == tmp_path / "cache" / "gridwatch" / "files"
    assert kept_files({"GRIDWATCH_FILES": "/mine"}) == Path("/mine")
    assert not (tmp_path / "cache").exists()


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({}) == tmp_path / ".cache" / "gridwatch"
    assert cache_folder({"XDG_CACHE_HOME": "/var/mine"}) == Path("/var/mine/gridwatch")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == tmp_path / ".cache" / "gridwatch"


def test_what_cannot_be_installed_is_told_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "import os, sys; sys.stderr.write('error: none\\n  cause: ' + os.environ['UV_SYSTEM_CERTS']); sys.exit(2)"
    step = Step("installing it", tmp_path / "never", (sys.executable, "-c", told))
    monkeypatch.setattr("gridwatch.cli.workshop.steps", lambda _: [step])
    with pytest.raises(CliError, match=r"^installing it failed: error: none \| cause: 1$"):
        make_ready(tmp_path, lambda _: None)


def test_advice_is_what_the_person_can_do_there(tmp_path: Path) -> None:
    assert how_to_make("xgboost", ROOT) == "run: make setup"
    assert how_to_make("frameworks", ROOT) == "run: make frameworks"
    assert how_to_make("xgboost", tmp_path) == "`gridwatch local up` makes it"
    assert f"-m venv {tmp_path / '.venvs' / 'frameworks'}" in how_to_make("frameworks", tmp_path)


def test_each_distribution_has_its_license_and_says_that_it_is_typed() -> None:
    for place, package in ((".", "gridwatch"), ("rules", "gridwatch_rules"), ("hook", "gridwatch_hook")):
        assert (ROOT / place / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
        assert (ROOT / place / package / "py.typed").is_file()
        version = re.search(
            r'^__version__ = "(.+)"$', (ROOT / place / package / "__init__.py").read_text(), re.MULTILINE
        )
        told = tomllib.loads((ROOT / place / "pyproject.toml").read_text())["project"]
        assert (version and version[1], told["license-files"]) == (told["version"], ["LICENSE"])
