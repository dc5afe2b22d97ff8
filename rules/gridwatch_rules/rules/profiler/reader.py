"""Reads a job's profile while the job runs. Each call reads only new files, and gives samples in the order of time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch_rules.rules.profiler.files import (
    FRAMEWORK_PREFIX,
    SYSTEM_PREFIX,
    FileKey,
    parse_key,
    parse_samples,
    parse_spans,
)
from gridwatch_rules.rules.profiler.metrics import Measurement, Sample
from gridwatch_rules.tensors.source import ByteRange, TensorSource

_FILES_AT_ONCE = 32  # files of one writer
_SILENCE = 180.0  # seconds; a node this far behind the others is not waited for (as in smdebug's readers)


@dataclass(frozen=True, slots=True)
class Position:
    """The position in one writer's files: all files up to `key` were used, and `used` measurements of the file after
    it.
    """

    key: str = ""
    used: int = 0
    time: float = 0.0  # time of its last measurement that was read


@dataclass(frozen=True, slots=True)
class ProfileCursor:
    """The position of a reader in each writer's files. `save` and `restore` convert it to JSON."""

    positions: Mapping[str, Position] = field(default_factory=dict)

    def save(self) -> dict[str, Any]:
        return {name: [each.key, each.used, each.time] for name, each in self.positions.items()}

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> ProfileCursor:
        return cls({name: Position(str(key), int(used), float(time)) for name, (key, used, time) in saved.items()})


@dataclass(frozen=True, slots=True)
class Batch:
    """New measurements in the order of time, and the cursor after them. `more` means that more files can be read at
    once.
    """

    measurements: Sequence[Measurement]
    cursor: ProfileCursor
    more: bool


@dataclass(slots=True)
class _Stream:
    """One writer's files read in this call, with their contents, and whether there are more."""

    position: Position
    files: list[tuple[str, Sequence[Measurement]]] = field(default_factory=list)
    more: bool = False
    named: float = 0.0  # the time in the name of its newest file, even if not read

    @property
    def last_time(self) -> float:
        return max((each.time for _, held in self.files for each in held), default=self.position.time)

    def take(self, horizon: float) -> list[Measurement]:
        """Take the measurements up to `horizon`, and move the position past them."""
        taken: list[Measurement] = []
        key, used, reached = self.position.key, self.position.used, self.last_time
        for name, held in self.files:
            now = [each for each in held[used:] if each.time <= horizon]
            taken += now
            used += len(now)
            if used < len(held):
                break
            key, used = name, 0
        self.position = Position(key, used, reached)
        return taken


class ProfileReader:
    """Reads one job's profile below `profiler-output/`. It holds no position: `read` gives the measurements after a
    cursor.
    """

    def __init__(self, source: TensorSource) -> None:
        self._source = source

    def read(self, cursor: ProfileCursor, *, ended: bool = False) -> Batch:
        """Read the measurements after the cursor that are final, each once.

        A sample is final when every node's samples have reached its time (except nodes silent for three minutes), or
        the job has `ended`. A span is final when it was written. A file that ends early counts as not written yet.
        Raises CorruptTensorError.
        """
        streams = {name: _Stream(position) for name, position in cursor.positions.items()}
        for prefix in (FRAMEWORK_PREFIX, SYSTEM_PREFIX):  # spans before samples
            self._load(prefix, streams, ended=ended)
        found: list[Measurement] = []
        system = {name: each for name, each in streams.items() if name.startswith("system/")}
        horizon = _horizon(system.values(), ended=ended)
        for name, stream in streams.items():
            found += stream.take(horizon if name in system else float("inf"))
        positions = {name: each.position for name, each in streams.items()}
        found.sort(key=lambda each: (each.time, isinstance(each, Sample), each.node))
        more = any(each.more for each in streams.values())
        return Batch(found, ProfileCursor(positions), more)

    def _load(self, prefix: str, streams: dict[str, _Stream], *, ended: bool) -> None:
        known = [each.position.key for name, each in streams.items() if prefix.startswith(name.partition("/")[0])]
        # Listing begins with the hour's folder, so that a node whose first files come late is not overlooked.
        keys = self._source.keys(prefix, min(known, default="").rpartition("/")[0])
        wanted: list[FileKey] = []
        counts: dict[str, int] = {}
        for file in filter(None, map(parse_key, keys)):
            stream = streams.setdefault(file.stream, _Stream(Position()))
            stream.named = max(stream.named, file.time)
            if file.key <= stream.position.key:
                continue
            counts[file.stream] = counts.get(file.stream, 0) + 1
            stream.more = counts[file.stream] > _FILES_AT_ONCE
            if not stream.more:
                wanted.append(file)
        contents = self._source.read([ByteRange(file.key) for file in wanted])
        stuck: set[str] = set()
        for file, content in zip(wanted, contents, strict=True):
            parsed = None if file.stream in stuck else _parse(file, content or b"", ended=ended)
            if parsed is None:
                stuck.add(file.stream)
                streams[file.stream].more = False
            else:
                streams[file.stream].files.append((file.key, parsed))


def _parse(file: FileKey, content: bytes, *, ended: bool) -> Sequence[Measurement] | None:
    if file.stream.startswith("system/"):
        return parse_samples(file.key, content, ended=ended)
    return parse_spans(file, content, ended=ended)


def _horizon(streams: Collection[_Stream], *, ended: bool) -> float:
    """The time up to which the samples of all nodes are known."""
    newest = max((max(each.last_time, each.named) for each in streams), default=0.0)
    waited_for = (
        each.last_time for each in streams if each.more or (not ended and newest - each.last_time <= _SILENCE)
    )
    return min(waited_for, default=float("inf"))
