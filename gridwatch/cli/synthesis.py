"""Synthesizes the CloudFormation template, unless the existing one was made from the same sources."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gridwatch.cli.errors import CliError
from gridwatch.cli.settings import child_environment

ASSEMBLY = "cdk.out"
_RECORD = ".gridwatch-sources.json"
# All that the template and its assets are made of.
_SOURCES = ("cdk.json", "infra", "functions", "gridwatch", "rules", "layers/build", "hook")
_PASSED_OVER = ("__pycache__", ".mypy_cache", ".ruff_cache")


def synthesized(root: Path) -> tuple[Path, bool]:
    """The cloud assembly of the checkout at `root`, and whether it had to be made. Raises CliError saying why it cannot
    be.
    """
    assembly = root / ASSEMBLY
    fingerprint = _fingerprint(root)
    if _recorded(assembly) == [fingerprint, _stamp(assembly)]:
        return assembly, False
    _synthesize(root)
    (assembly / _RECORD).write_text(json.dumps([fingerprint, _stamp(assembly)]))
    return assembly, True


def _synthesize(root: Path) -> None:
    environment = child_environment(CDK_OUTDIR=ASSEMBLY, CDK_VALIDATION="false")
    made = subprocess.run(
        [sys.executable, "-m", "infra.app"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        said = (made.stderr.strip() or made.stdout.strip()).splitlines()
        raise CliError(f"the template could not be synthesized: {said[-1] if said else 'no reason given'}")


def _fingerprint(root: Path) -> str:
    """A digest of all sources' names, sizes and times: it differs if a file changed, came or went."""
    digest = hashlib.sha256()
    for file in sorted(_files(root)):
        known = file.stat()
        digest.update(f"{file.relative_to(root)}|{known.st_size}|{known.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for source in _SOURCES:
        path = root / source
        if path.is_file():
            yield path
        for folder, names, files in os.walk(path):
            names[:] = [name for name in names if name not in _PASSED_OVER]
            yield from (Path(folder, file) for file in files)


def _recorded(assembly: Path) -> object:
    try:
        return json.loads((assembly / _RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _stamp(assembly: Path) -> int:
    """When the assembly was written, which tells one that somebody made since from the one on record."""
    try:
        return (assembly / "manifest.json").stat().st_mtime_ns
    except FileNotFoundError:
        return 0
