"""Reads the project's imports from its sources: who imports whom, the rung of each room, and the circles."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Every importable package of ours and the folder that holds it.
PACKAGES = {"gridwatch": ROOT, "gridwatch_rules": ROOT / "rules", "gridwatch_hook": ROOT / "hook"}


def imported(source: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it: `a.b`, and also `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(source.read_text(), str(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(package: str, folder: Path) -> dict[str, Path]:
    """The modules of a package below `folder`, by name; a package is the module of its `__init__.py`."""
    return {
        ".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): file
        for file in sorted((folder / package).rglob("*.py"))
    }


def graph(packages: Mapping[str, Path]) -> dict[str, set[str]]:
    """Each module with the modules of these packages that it imports. `from a import b` imports `a.b` where that is a
    module, else `a`.
    """
    files = {name: file for package, folder in packages.items() for name, file in modules(package, folder).items()}
    found: dict[str, set[str]] = {}
    for name, file in files.items():
        named = set(imported(file))
        inner = {each.rpartition(".")[0] for each in named if each in files}
        found[name] = {each for each in named if each in files and each not in inner - {name}} - {name}
    return found


def rungs(page: str) -> list[list[str]]:
    """The ladder of docs/architecture.md, from its top: the rooms that stand on each rung."""
    (block,) = re.findall(r"^```ladder\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [[room.strip() for room in line.split("|")] for line in block.splitlines() if line.strip()]


def room_of(module: str) -> str:
    """The room of a module: `gridwatch.spec.checks.tune` is in the room `gridwatch.spec`; the hook is one room."""
    parts = module.split(".")
    return parts[0] if parts[0] == "gridwatch_hook" else ".".join(parts[:2])


def against(ladder: Sequence[Sequence[str]], imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Each forbidden import as `importer -> imported`: every import that does not lead to a lower rung or stay in its
    room. A package's own module offers what is in its rooms, so it stands above them.
    """
    height = {room: len(ladder) - place for place, rung in enumerate(ladder) for room in rung}
    return [
        f"{importer} -> {target}"
        for importer, targets in sorted(imports.items())
        for target in sorted(targets)
        if "." in importer
        and "." in target
        and room_of(importer) != room_of(target)
        and height.get(room_of(importer), 0) <= height.get(room_of(target), 0)
    ]


def circles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The groups of modules that reach each other (Tarjan's strongly connected components), each in order."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in imports.get(module, ()):
            if target not in index:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in imports:
        if module not in index:
            visit(module)
    return sorted(found)
