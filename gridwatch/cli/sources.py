"""Packs a spec's own script as SageMaker's containers take it: one archive with everything at its root."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gridwatch.cli.errors import CliError
from gridwatch.storage.layout import source_key

if TYPE_CHECKING:
    from gridwatch.spec.parts.algorithm import Algorithm

MAX_BYTES = 500_000_000  # of the files: an archive of code, not of data
_LEFT_OUT = {".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", ".DS_Store", ".venv", ".mypy_cache"}


@dataclass(frozen=True, slots=True)
class PackedSource:
    """A packed script. `digest` covers only the files and their names: the same code gives the same archive
    everywhere.
    """

    content: bytes
    digest: str

    @property
    def key(self) -> str:
        return source_key(self.digest)


def packed_source(algorithm: Algorithm, folder: Path) -> PackedSource | None:
    """The packed script; None when the spec has no code beside it. Raises CliError for missing files or too many."""
    files = source_files(algorithm, folder)
    return None if files is None else _packed(files)


def source_files(algorithm: Algorithm, folder: Path) -> dict[str, Path] | None:
    """The files to pack, by name in the archive. Raises CliError as `packed_source` does."""
    if not algorithm.has_local_source:
        return None
    root = _inside(folder, algorithm.source or ".")
    if not root.is_dir():
        raise CliError(f"algorithm.source: {root} is no folder")
    files = dict(_files(root, root))
    for dependency in algorithm.dependencies:
        path = _inside(folder, dependency)
        if not path.exists():
            raise CliError(f"algorithm.dependencies: there is no {path}")
        for name, file in _files(path, path.parent):
            if name in files:
                raise CliError(f"algorithm.dependencies: {path} would replace {name} of {root}")
            files[name] = file
    if algorithm.entry_point not in files:
        raise CliError(f"algorithm.entry_point: there is no {algorithm.entry_point} in {root}")
    size = sum(file.stat().st_size for file in files.values())
    if size > MAX_BYTES:
        raise CliError(f"algorithm.source: {root} holds {size:,} bytes; at most {MAX_BYTES:,} are packed")
    return files


def _inside(folder: Path, name: str) -> Path:
    """The path below the spec's folder, after following links."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise CliError(f"{folder / name} leads out of the spec's folder")
    return path


def _files(path: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """Every file at or below the path, by its name below `root`."""
    if path.is_file():
        yield path.relative_to(root).as_posix(), path
        return
    for place, folders, names in os.walk(path, onerror=_refuse):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for linked in (Path(place) / name for name in folders):
            if linked.is_symlink():
                raise CliError(f"{linked} is a link to a folder, which is not packed; copy the folder there")
        for name in sorted(names):
            file = Path(place) / name
            if name not in _LEFT_OUT and not name.endswith(".pyc"):
                if not file.resolve().is_relative_to(root.resolve()):
                    raise CliError(f"{file} is a link that leads out of {root}")
                if not file.is_file():
                    raise CliError(f"{file} is no file that can be packed: a link that leads nowhere, a pipe, a socket")
                yield file.relative_to(root).as_posix(), file


def _refuse(error: OSError) -> None:
    """Raise CliError for a folder that cannot be packed: skipping it would leave code out."""
    raise CliError(f"{error.filename} cannot be read: {error.strerror}") from error


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}") from error


def _packed(files: dict[str, Path]) -> PackedSource:
    """An archive that depends on the code alone: names in order, no times, no owners."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            content = _content(files[name])
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o755 if os.access(files[name], os.X_OK) else 0o644
            archive.addfile(entry, io.BytesIO(content))
    digest = hashlib.sha256(plain.getvalue()).hexdigest()
    return PackedSource(gzip.compress(plain.getvalue(), mtime=0), digest)
