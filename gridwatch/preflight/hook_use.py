"""Which hooks a packed training script makes itself, Gridwatch's or smdebug's. Without one its jobs save no tensors,
unless Gridwatch brings its hook into them.
"""

from __future__ import annotations

import ast
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator

MOST_BYTES = 20_000_000  # of an archive that is looked into
_LARGEST_FILE = 2_000_000
OWN = "gridwatch_hook"
_HOOKS = (OWN, "smdebug")
_CALLS = frozenset({"log", "on_checkpoint"})  # which a script makes to a hook that is brought


def hooks_of(archive: bytes) -> frozenset[str] | None:
    """The packages of the hooks that the script makes; None when that cannot be told: the archive is not one, or a file
    that is not Python mentions a hook (a list of packages, a notebook).
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as packed:
            return _answer(_files(packed))
    except (tarfile.TarError, OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
        return None


def _files(packed: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """The files one by one: an archive may unpack to far more than there is memory for."""
    for member in packed:
        content = packed.extractfile(member) if member.isfile() and member.size <= _LARGEST_FILE else None
        if content is not None:
            yield member.name, content.read()


def _answer(files: Iterable[tuple[str, bytes]]) -> frozenset[str] | None:
    unknown, found = False, frozenset[str]()
    for name, content in files:
        speaks = any(hook.encode() in content or hook.replace("_", "-").encode() in content for hook in _HOOKS)
        if not speaks:
            continue
        uses = _imports(content) if name.endswith(".py") else None
        found, unknown = found | (uses or frozenset()), unknown or uses is None
    return found if found or not unknown else None


def _imports(content: bytes) -> frozenset[str] | None:
    """The hooks that Python source imports, by a statement or by its name as a text; comments do not count, nor does
    a `gridwatch_hook` of which nothing but its calls for a hook that is brought is used.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = [name for node in ast.walk(tree) for name in _names(node)]
    found = frozenset(name.partition(".")[0] for name in names) & frozenset(_HOOKS)
    if OWN in found and all(name == OWN for name in names if name.partition(".")[0] == OWN) and _only_calls(tree):
        found -= {OWN}
    return found


def _only_calls(tree: ast.AST) -> bool:
    """Whether the source imports the package by plain statements, and uses nothing of it but `log` and
    `on_checkpoint`.
    """
    known, used = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {each.asname or each.name for each in node.names if each.name == OWN}
        elif isinstance(node, ast.ImportFrom) and node.module == OWN:
            used |= {each.name for each in node.names}
        elif isinstance(node, ast.Constant) and node.value == OWN:
            return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            used.add(node.attr)
    return bool(used) and used <= _CALLS


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
