"""Chooses which bytes of a channel are read, and finds the lines in them. Memory is bounded whatever the files hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gridwatch.storage.data_source import DataFile, DataSource

BLOCK = 1 << 18
MAX_LINE = 1 << 22  # a line longer than this is none: the file is of another kind
_IGNORED = (".", "_")  # XGBoost's script passes over files whose names begin so


class LocalData:
    """A file, or all files below a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def files(self) -> Sequence[DataFile]:
        if self._path.is_dir():
            paths = sorted(path for path in self._path.rglob("*") if path.is_file())
        else:
            paths = [self._path] if self._path.is_file() else []
        return [DataFile(str(path), path.stat().st_size) for path in paths]

    def read(self, key: str, start: int, length: int) -> bytes:
        with Path(key).open("rb") as file:
            file.seek(start)
            return file.read(length)


@dataclass(frozen=True, slots=True)
class LocalObjects:
    """A folder that stands for a bucket: files by the keys that they would have. `left_out` is the start of every
    key, which the paths in the folder lack.
    """

    folder: Path
    left_out: str
    prefix: str = ""

    def under(self, prefix: str) -> LocalObjects:
        return LocalObjects(self.folder, self.left_out, prefix)

    def files(self) -> Sequence[DataFile]:
        """The files whose keys begin with the prefix."""
        found = []
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            key = self.left_out + path.relative_to(self.folder).as_posix()
            if key.startswith(self.prefix):
                found.append(DataFile(key, path.stat().st_size))
        return found

    def read(self, key: str, start: int, length: int) -> bytes:
        with (self.folder / key.removeprefix(self.left_out)).open("rb") as file:
            file.seek(start)
            return file.read(length)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is read of a channel (`read` bytes) and kept (`rows`, and `cells` of 8 bytes each)."""

    read: int = 1 << 24
    rows: int = 50_000
    cells: int = 2_000_000


FULL = Budget()
CHEAP = Budget(read=1 << 20, rows=2_000, cells=200_000)  # within a Lambda's second or two


class Line(NamedTuple):
    """A line without its end. `row` counts from 1 and is None where the lines before it were not read."""

    file: DataFile
    row: int | None
    text: bytes


class OverlongLineError(ValueError):
    """A line of more than MAX_LINE bytes."""

    def __init__(self, file: DataFile) -> None:
        self.file = file
        super().__init__(f"{file.name} has a line of more than {MAX_LINE >> 20} MiB")


@dataclass(frozen=True, slots=True)
class Sample:
    """The blocks of a channel that are read: all of them, or evenly spread ones, each file's beginning first."""

    source: DataSource
    files: tuple[DataFile, ...]
    ranges: tuple[tuple[DataFile, int, int], ...]  # file, start, length: in order

    @classmethod
    def of(cls, source: DataSource, budget: Budget) -> Sample:
        files = tuple(file for file in source.files() if not file.name.startswith(_IGNORED) and file.name)
        total = sum(file.size for file in files)
        if total <= budget.read:
            ranges = tuple((file, 0, file.size) for file in files if file.size)
        else:
            ranges = tuple(_spread(files, total, max(2, budget.read // BLOCK)))
        return cls(source, files, ranges)

    @property
    def total(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def read(self) -> int:
        return sum(length for _, _, length in self.ranges)

    @property
    def is_whole(self) -> bool:
        return self.read == self.total

    def lines(self) -> Iterator[Line]:
        """Whole lines only: lines cut by a block's edge are left out. Empty lines are counted and not returned."""
        for file, start, length in self.ranges:
            yield from self._lines(file, start, length)

    def _lines(self, file: DataFile, start: int, length: int) -> Iterator[Line]:
        row, rest, cut = (0 if start == 0 else None), b"", start > 0
        end = start + length
        for position in range(start, end, BLOCK):
            *lines, rest = (rest + self.source.read(file.key, position, min(BLOCK, end - position))).split(b"\n")
            if len(rest) > MAX_LINE:
                raise OverlongLineError(file)
            if cut and lines:
                lines, cut = lines[1:], False
            for text in lines:
                row = None if row is None else row + 1
                if text.strip():
                    yield Line(file, row, text)
        if end >= file.size and rest.strip() and not cut:
            yield Line(file, None if row is None else row + 1, rest)


def _spread(files: Sequence[DataFile], total: int, count: int) -> Iterator[tuple[DataFile, int, int]]:
    """About `count` blocks, evenly spread over all files laid end to end."""
    step, position, before = total / count, 0.0, 0
    for file in files:
        first = True
        while position < before + file.size:
            start = 0 if first else int(position - before)
            first = False
            yield file, start, min(BLOCK, file.size - start)
            position += max(step, float(BLOCK))
        before += file.size
