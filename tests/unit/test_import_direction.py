"""Who may import whom: docs/architecture.md's table, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gridwatch"
FUNCTIONS = sorted(path for path in (ROOT / "functions").iterdir() if (path / "__init__.py").exists())
FUNCTION_NAMES = {path.name for path in FUNCTIONS}
# Everything of this repository that can be imported by name.
OURS = {
    "gridwatch",
    "gridwatch_hook",
    "gridwatch.cli",
    "localcloud",
    "infra",
    "scripts",
    "tests",
    "benchmarks",
} | FUNCTION_NAMES
AWS_SDK = {"boto3", "botocore", "s3transfer"}


def imported(source: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it: `a.b`, and also `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(source.read_text(), str(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(folder: Path, *, forbidden: set[str], exempt: tuple[Path, ...] = ()) -> list[str]:
    """`file: module` for every import of a forbidden module or of something inside it."""
    return [
        f"{source.relative_to(ROOT)}: {module}"
        for source in sorted(folder.rglob("*.py"))
        if not any(source.is_relative_to(path) for path in exempt)
        for module in imported(source)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]


def test_the_domain_knows_no_aws() -> None:
    assert violations(PACKAGE, forbidden=AWS_SDK | {"gridwatch.aws"}, exempt=(PACKAGE / "aws",)) == []


def test_the_package_knows_nobody_who_uses_it() -> None:
    assert violations(PACKAGE, forbidden=OURS - {"gridwatch"}) == []


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda path: path.name)
def test_functions_know_the_package_alone(function: Path) -> None:
    assert violations(function, forbidden=OURS - {"gridwatch", function.name}) == []


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda path: path.name)
def test_functions_reach_aws_through_the_adapters(function: Path) -> None:
    assert violations(function, forbidden=AWS_SDK) == []


def test_the_hook_stands_alone() -> None:
    assert violations(ROOT / "hook" / "gridwatch_hook", forbidden=OURS - {"gridwatch_hook"}) == []
    assert violations(ROOT / "hook" / "xgboost_script", forbidden=OURS - {"gridwatch_hook"}) == []


@pytest.mark.parametrize("room", ["infra", "localcloud"])
def test_infrastructure_and_emulator_know_the_template_alone(room: str) -> None:
    assert violations(ROOT / room, forbidden=OURS - {room}) == []


def test_the_command_line_knows_package_and_emulator() -> None:
    assert violations(ROOT / "cli", forbidden=OURS - {"gridwatch", "gridwatch.cli", "localcloud"}) == []


def test_a_forbidden_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "bad.py").write_text("def f():\n    from gridwatch import aws\n    import boto3.session\n")
    assert violations(tmp_path, forbidden={"gridwatch.aws", "boto3"}) == [
        "bad.py: gridwatch.aws",
        "bad.py: boto3.session",
    ]
