"""Whether a packed training script uses a hook, Gridwatch's or smdebug's: without one its jobs save no tensors."""

from __future__ import annotations

import ast
import io
import tarfile
from collections.abc import Iterable, Iterator

MOST_BYTES = 20_000_000  # of an archive that is looked into
_LARGEST_FILE = 2_000_000
_HOOKS = ("gridwatch_hook", "smdebug")


def uses_hook(archive: bytes) -> bool | None:
    """Whether the script uses a hook; None when that cannot be told: the archive is not one, or a file that is not
    Python mentions a hook (a list of packages, a notebook).
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as packed:
            return _answer(list(_files(packed)))
    except (tarfile.TarError, OSError, EOFError, ValueError):
        return None


def _files(packed: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in packed:
        content = packed.extractfile(member) if member.isfile() and member.size <= _LARGEST_FILE else None
        if content is not None:
            yield member.name, content.read()


def _answer(files: Iterable[tuple[str, bytes]]) -> bool | None:
    unknown = found = False
    for name, content in files:
        speaks = any(hook.encode() in content or hook.replace("_", "-").encode() in content for hook in _HOOKS)
        if not speaks:
            continue
        uses = _imports(content) if name.endswith(".py") else None
        found, unknown = found or bool(uses), unknown or uses is None
    return True if found else None if unknown else False


def _imports(content: bytes) -> bool | None:
    """Whether Python source imports a hook, by a statement or by its name as a text; comments do not count."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return any(name.partition(".")[0] in _HOOKS for node in ast.walk(tree) for name in _names(node))


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
