"""Puts together the folder, or the zip, that brings the hook into a training.

It holds `sitecustomize.py`, the configuration, and this package under a name of its own with its version, so that
nothing of the script's shadows it and it shadows nothing. No other package travels with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gridwatch_hook
from gridwatch_hook.watch.settings import CONFIG_FILE, WatchConfig

MANIFEST = "gridwatch_carrier.json"
PACKAGE = f"gridwatch_hook_{gridwatch_hook.__version__.replace('.', '_')}"
_SOURCE = Path(__file__).resolve().parent.parent
_OWN_IMPORT = re.compile(r"^(\s*(?:from|import) )gridwatch_hook\b", re.MULTILINE)
_LEFT_OUT = ("carrier", "__pycache__", "__main__.py")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def members(config: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of the carrier by name. Equal sources and configurations give equal files.

    Raises ConfigError for a configuration that is wrong.
    """
    WatchConfig.parse(config, {"TRAINING_JOB_NAME": "job"})
    return {**without_config(), CONFIG_FILE: _json(config)}


def without_config() -> dict[str, bytes]:
    """The files that are the same for every training: all but the configuration."""
    files = {
        f"{PACKAGE}/{path.relative_to(_SOURCE).as_posix()}": _renamed(path)
        for path in sorted(_SOURCE.rglob("*.py"))
        if not set(path.relative_to(_SOURCE).parts) & set(_LEFT_OUT)
    }
    files["sitecustomize.py"] = _renamed(_SOURCE / "carrier" / "sitecustomize.py")
    manifest = {"version": gridwatch_hook.__version__, "package": PACKAGE, "digest": _digest(files)}
    return {**files, MANIFEST: _json(manifest)}


def write_archive(target: Path) -> dict[str, Any]:
    """Write the carrier as a zip without a configuration, which is then looked for beside it; returns its manifest."""
    files = without_config()
    _write_zip(target, files)
    manifest: dict[str, Any] = json.loads(files[MANIFEST])
    return manifest


def carry(target: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Write the carrier as a folder, or as a zip where the name ends in .zip; returns its manifest. Raises
    ConfigError, and FileExistsError for a folder that holds something else.
    """
    files = members(config)
    if target.suffix == ".zip":
        _write_zip(target, files)
    else:
        if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).exists():
            raise FileExistsError(f"{target} holds something else; name a folder that is empty or not there")
        for name, content in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
    manifest: dict[str, Any] = json.loads(files[MANIFEST])
    return manifest


def _write_zip(target: Path, files: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)


def _renamed(path: Path) -> bytes:
    return _OWN_IMPORT.sub(rf"\g<1>{PACKAGE}", path.read_text()).encode()


def _digest(files: Mapping[str, bytes]) -> str:
    summed = hashlib.sha256()
    for name, content in sorted(files.items()):
        summed.update(f"{name}\0{len(content)}\0".encode() + content)
    return summed.hexdigest()


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()
