"""Where the project lies: the checkout itself, or a folder like it that is made of what a distribution brought."""

from __future__ import annotations

import tomllib
from pathlib import Path

from gridwatch.cli.workshop import make_ready, steps
from gridwatch.project import is_checkout, laid_out, project_root
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
