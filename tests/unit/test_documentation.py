"""What the documentation names exists: paths, make targets, settings and their defaults."""

from __future__ import annotations

import re
from collections import Counter
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
def test_links_lead_to_headings_that_exist(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]*)#([^)]+)\)", document.read_text())
    pages = [(document.parent / name if name else document, anchor) for name, anchor in links]
    assert [
        f"{page.name}#{anchor}" for page, anchor in pages if page.suffix == ".md" and anchor not in anchors(page)
    ] == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in (ROOT / "docs").rglob("*.md")}), ids=lambda path: path.name
)
def test_every_page_is_linked_from_the_index_of_its_folder(folder: Path) -> None:
    index = folder / "README.md"
    pages = {path for path in folder.glob("*.md") if path != index}
    assert pages - linked(index) == set(), f"link them in {index.relative_to(ROOT)}"


def test_the_index_of_the_documentation_links_those_of_its_folders() -> None:
    docs = ROOT / "docs"
    assert set(docs.glob("*/README.md")) - linked(docs / "README.md") == set()


def linked(page: Path) -> set[Path]:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
    return {(page.parent / link).resolve() for link in links}


def test_no_two_entries_of_the_changelog_begin_alike() -> None:
    beginnings = Counter(re.findall(r"^- (.{40})", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE))
    assert [beginning for beginning, times in beginnings.items() if times > 1] == []


def test_every_addition_and_correction_is_in_a_group() -> None:
    unreleased = (ROOT / "CHANGELOG.md").read_text().partition("## [Unreleased]")[2].partition("\n## ")[0]
    for section in ("Added", "Fixed"):
        before_groups = unreleased.partition(f"### {section}\n")[2].partition("\n#### ")[0]
        assert before_groups.strip() == "", f"put these under a heading of {section}"


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
