"""Finds the project's folder: the checkout or, for an installed distribution, a folder laid out like one.

The CDK app, the functions and the lists of their dependencies are not imported modules. The distribution contains them
in `checkout/`; they are copied to a folder of the user's own, because layers are built and templates are synthesized
beside them.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BROUGHT = _PACKAGE / "checkout"
# Where a checkout has the packages that are installed here.
_PACKAGES = {
    "gridwatch": "gridwatch",
    "rules/gridwatch_rules": "gridwatch_rules",
    "hook/gridwatch_hook": "gridwatch_hook",
}


def is_checkout(root: Path) -> bool:
    """Whether `root` is a checkout, so that `make` builds what the project needs."""
    return (root / "Makefile").is_file()


@cache
def project_root() -> Path:
    """The folder with the CDK app, the functions and the layers."""
    checkout = _PACKAGE.parent
    return checkout if is_checkout(checkout) else laid_out(Path.home() / ".cache" / "gridwatch")


def laid_out(home: Path, brought: Path = _BROUGHT) -> Path:
    """The folder below `home` that is laid out like a checkout; made once for each content and place of
    installation.
    """
    target = home / _digest(brought)
    if target.is_dir():
        return target
    home.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=home))
    shutil.copytree(brought, scratch, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for place, package in _PACKAGES.items():
        (scratch / place).parent.mkdir(parents=True, exist_ok=True)
        (scratch / place).symlink_to(_folder_of(package), target_is_directory=True)
    with suppress(OSError):  # another process was sooner: its folder is the same
        scratch.rename(target)
    shutil.rmtree(scratch, ignore_errors=True)
    return target


def _folder_of(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"the package {package} is missing: install gridwatch with its dependencies")
    return Path(found.origin).resolve().parent


def _digest(folder: Path) -> str:
    """A short name derived from a folder's content and its place."""
    digest = hashlib.sha256(str(folder).encode())
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        digest.update(f"\0{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
