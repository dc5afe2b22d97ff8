"""`python public_names.py PACKAGE` prints what each module of a package defines, by reading its files: functions and
methods with their parameters, classes with their bases and attributes, constants. Nothing is imported.

A parameter is [kind, name, default]; kinds are those of inspect.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

# Only their names count: what they hold is another matter (a logger), or a type of another library.
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parameters(node: Function) -> list[list[Any]]:
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    found = [["POSITIONAL", each.arg, said(default)] for each, default in zip(plain, defaults, strict=True)]
    found += [["VAR", given.vararg.arg, None]] if given.vararg else []
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    found += [["KEYWORD", each.arg, said(default)] for each, default in named]
    return found + ([["VAR_KEYWORD", given.kwarg.arg, None]] if given.kwarg else [])


def said(default: ast.expr | None) -> str | None:
    return None if default is None else ast.unparse(default)


def described_class(node: ast.ClassDef) -> dict[str, Any]:
    methods, attributes = {}, set()
    for each in node.body:
        if isinstance(each, Function):
            decorators = {ast.unparse(one) for one in each.decorator_list}
            if "property" in decorators or any(one.endswith(".setter") for one in decorators):
                attributes.add(each.name)
            else:
                methods[each.name] = parameters(each)
        attributes.update(bound(each))
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and ast.unparse(each.value) == "self":
            attributes.add(each.attr)
    bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    return {"bases": bases, "methods": methods, "attributes": sorted(attributes)}


def bound(node: ast.stmt) -> list[str]:
    """The names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]


def described(file: Path) -> dict[str, Any]:
    functions, classes, names = {}, {}, set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, Function):
            functions[node.name] = parameters(node)
        elif isinstance(node, ast.ClassDef):
            classes[node.name] = described_class(node)
        elif isinstance(node, ast.ImportFrom) and file.name == "__init__.py":
            names.update(alias.asname or alias.name for alias in node.names)
        names.update(bound(node))
    return {"functions": functions, "classes": classes, "names": sorted(names)}


def modules(root: Path) -> dict[str, Any]:
    """The modules by name, without the package's own name: "" for the package, "core.tensor"."""
    found = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not file.name.endswith("_pb2.py"):
            found[name] = described(file)
    return found


if __name__ == "__main__":
    spec = importlib.util.find_spec(sys.argv[1])
    assert spec is not None
    assert spec.origin is not None
    sys.stdout.write("ANSWER " + json.dumps(modules(Path(spec.origin).parent)) + "\n")
