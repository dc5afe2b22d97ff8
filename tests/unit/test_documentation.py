"""What the documentation names exists: paths, make targets, settings and their defaults."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from infra.settings import DeploymentSettings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Folders of the repository; a word in backquotes that begins with one of them is a path in it.
FOLDERS = "|".join(
    ("functions", "layers", "gridwatch", "rules", "hook", "infra", "tests", "benchmarks", "examples", "docs")
)
# What make builds is not in a fresh checkout, and a path with a placeholder or a pattern names no single file.
NO_FILE = re.compile(r"[<>*{}…]|layers/build|/NNNN|NAME")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_exist(document: Path) -> None:
    named = re.findall(rf"`((?:{FOLDERS})/[^`\s]*)`", document.read_text())
    assert [path for path in named if not NO_FILE.search(path) and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", document.read_text(), re.DOTALL))
    commands = re.findall(r"(?:^|`|&& )make ((?:[a-z-]+ ?)+)", code, re.MULTILINE)
    assert {target for command in commands for target in command.split()} - targets == set()


def test_every_deployment_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE)
    documented = {name: default.strip("`") for name, default in rows}
    assert list(documented) == [field.name for field in fields(DeploymentSettings)]
    for field in fields(DeploymentSettings):
        assert documented[field.name] in shown(field.default), field.name


def shown(default: object) -> set[str]:
    """The ways in which the table may write a default."""
    if default in ("", ()):
        return {"none", "a new bucket", "a new topic"}
    if isinstance(default, float):
        return {f"{default:g}"}
    return {str(default).lower() if isinstance(default, bool) else str(default)}
