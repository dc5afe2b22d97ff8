"""Finds the project's folder: the checkout or, for an installed distribution, a folder laid out like one.

The CDK app, the functions and the lists of their dependencies are not imported modules. The distribution contains them
in `checkout/`; they are copied to a folder of the user's own, because layers are built and templates are synthesized
beside them.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gridwatch.settings import SettingsError, cache_folder
from gridwatch_rules.failures import PermanentError

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
    """The folder with the CDK app, the functions and the layers.

    Raises PermanentError where an installed distribution can lay it out nowhere.
    """
    checkout = _PACKAGE.parent
    return checkout if is_checkout(checkout) else laid_out(_own_folder())


def files_folder() -> Path:
    """Where commands keep their files: in a checkout `.gridwatch`. Where the distribution is installed, a folder that
    every version of it shares and that is made by whoever writes there, so that looking needs no folder at all.
    """
    checkout = _PACKAGE.parent
    return checkout / ".gridwatch" if is_checkout(checkout) else _own_folder() / "files"


def _own_folder() -> Path:
    try:
        return cache_folder()
    except SettingsError as error:
        raise PermanentError(str(error)) from error


def laid_out(home: Path, brought: Path = _BROUGHT) -> Path:
    """The folder below `home` that is like a checkout; made once for what was brought and where it is installed.

    Raises PermanentError where it cannot be made.
    """
    target = home / _digest(brought)
    if target.is_dir():
        return target
    try:
        return _lay_out(home, target, brought)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename or home}"
        advice = "set XDG_CACHE_HOME to a folder that you may write to"
        raise PermanentError(
            f"{target}, where layers and templates are built, cannot be made ({reason}); {advice}"
        ) from error


def _lay_out(home: Path, target: Path, brought: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=home))
    shutil.copytree(brought, scratch, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for place, package in _PACKAGES.items():
        (scratch / place).parent.mkdir(parents=True, exist_ok=True)
        (scratch / place).symlink_to(_folder_of(package), target_is_directory=True)
    _start_app_with_this_python(scratch / "cdk.json")
    with suppress(OSError):  # another process was sooner: its folder is the same
        scratch.rename(target)
    shutil.rmtree(scratch, ignore_errors=True)
    return target


def _start_app_with_this_python(configuration: Path) -> None:
    """The `cdk` command starts the app as cdk.json says: a checkout has its own .venv, an installation has not."""
    document = json.loads(configuration.read_text())
    if "app" in document:
        document["app"] = f"{shlex.quote(sys.executable)} -m infra.app"
        configuration.write_text(json.dumps(document, indent=2) + "\n")


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
