"""The places that files are written to: a folder, or a prefix in S3."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from gridwatch_hook.parameters import ConfigError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


class Sink(Protocol):
    """A place for whole files, under keys below one root.

    `put` replaces an existing file, and readers see the new file either wholly or not at all. It may be called from
    several threads, and raises an Exception of any kind when it fails. Putting the same file again is always safe.
    """

    @property
    def flushes_per_second(self) -> float:
        """The most writes a second that suit this place."""
        ...

    @property
    def every_index_object(self) -> bool:
        """Whether objects are cheap enough here for each step to get its own index object at once."""
        ...

    def put(self, key: str, body: bytes) -> None: ...

    def read(self, key: str) -> bytes | None:
        """Read a small file. Raises an exception or returns None where it cannot be read."""
        ...

    def remove(self, key: str) -> None: ...


class FolderSink:
    """A local folder, such as the one that SageMaker uploads for Debugger, or its checkpoint folder."""

    flushes_per_second = 20.0
    every_index_object = True

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._made: set[str] = set()

    def put(self, key: str, body: bytes) -> None:
        path = f"{self._root}/{key}"
        folder = os.path.dirname(path)  # noqa: PTH120  (a pathlib path costs more than the rest of this function)
        if folder not in self._made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        waiting = f"{path}.tmp"  # smdebug's readers ignore names that do not end in .json or .tfevents
        descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            _write_all(descriptor, body)
        finally:
            os.close(descriptor)
        os.replace(waiting, path)  # noqa: PTH105  (as above)

    def read(self, key: str) -> bytes | None:
        path = Path(self._root, key)
        return path.read_bytes() if path.is_file() else None

    def remove(self, key: str) -> None:
        Path(self._root, key).unlink(missing_ok=True)


def _write_all(descriptor: int, body: bytes) -> None:
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def open_sink(uri: str, region: str | None = None) -> Sink:
    """The sink of `s3://bucket/prefix`, `file:///folder` or a path.

    Raises ConfigError for an address that is none of these, and for S3 where boto3 is missing.
    """
    if uri.startswith("s3://"):
        return _open_s3(uri, region)
    scheme, colon, _ = uri.partition("://")
    path = uri.removeprefix("file://")
    if not path or (colon and _SCHEME.fullmatch(scheme) and scheme != "file"):
        raise ConfigError(f"tensors cannot be written to {uri!r}; allowed are a folder and s3://bucket/prefix")
    return FolderSink(Path(path).expanduser())


def _open_s3(uri: str, region: str | None) -> Sink:
    try:
        from gridwatch_hook.s3 import S3Sink  # noqa: PLC0415  (boto3 is imported only where tensors go to S3)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"tensors go to {uri}, which needs {error.name}, and it is missing; install gridwatch-hook[s3]"
        ) from error
    return S3Sink.create(uri, region)
