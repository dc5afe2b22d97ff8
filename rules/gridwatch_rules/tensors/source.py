"""The source of a tensor folder's bytes: a small protocol, and its implementation for local folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol


class ByteRange(NamedTuple):
    """`length` bytes of an object from `start`; all of it when `length` is None."""

    key: str
    start: int = 0
    length: int | None = None


class TensorSource(Protocol):
    """A folder of objects. Keys are relative to the folder and use forward slashes.

    Neither call raises for a missing object. Both raise when the folder cannot be reached: OSError, or an error of
    gridwatch_rules.failures.
    """

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Sequence[str]:
        """The keys that start with `prefix` and sort after `after`, in lexicographic order; the first `limit` of
        them.
        """
        ...

    def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
        """The bytes of each range, in order: None for a missing object, fewer bytes where the object ends early."""
        ...


class LocalSource:
    """A folder on disk."""

    def __init__(self, folder: Path) -> None:
        self._root = f"{folder}/"

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Sequence[str]:
        in_order = _walk(self._root, prefix.rpartition("/")[0], after)
        return list(islice((key for key in in_order if key.startswith(prefix) and key > after), limit))

    def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
        return [_read(self._root + key, start, length) for key, start, length in ranges]


def open_folder(location: str) -> LocalSource:
    """The folder at a path. Raises FileNotFoundError when there is none, NotADirectoryError for a file."""
    folder = Path(location).expanduser()
    if folder.is_file():
        raise NotADirectoryError(f"{location} is a file; a folder of tensors is wanted")
    if not folder.is_dir():
        elsewhere = "; folders on this machine are read here, so copy it first" if "://" in location else ""
        raise FileNotFoundError(f"there is no folder {location}{elsewhere}")
    return LocalSource(folder)


def _walk(root: str, folder: str, after: str) -> Iterator[str]:
    """Yield keys in lexicographic order. A folder is read only in its turn, and one wholly before `after` never."""
    try:
        entries = list(os.scandir(root + folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    prefix = f"{folder}/" if folder else ""
    for key in sorted(f"{prefix}{entry.name}/" if entry.is_dir() else f"{prefix}{entry.name}" for entry in entries):
        if not key.endswith("/"):
            yield key
        elif f"{key}~" > after:
            yield from _walk(root, key[:-1], after)


def _read(path: str, start: int, length: int | None) -> bytes | None:
    # Plain system calls are used, because a finished job has thousands of small files, and a buffered file object costs
    # as much as reading one.
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # a path in an index object may be impossible; then there is no such file
            return None
        raise
    try:
        there = max(os.fstat(descriptor).st_size - start, 0)
        # At most the file's size, because memory for the whole request would be allocated at once.
        return _pread(descriptor, there if length is None else min(length, there), start)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error  # the error of a descriptor does not name the file
    finally:
        os.close(descriptor)


def _pread(descriptor: int, wanted: int, start: int) -> bytes:
    data = os.pread(descriptor, wanted, start) if wanted else b""
    while len(data) < wanted:  # one read returns at most 2 GiB
        more = os.pread(descriptor, wanted - len(data), start + len(data))
        if not more:
            break
        data += more
    return data
