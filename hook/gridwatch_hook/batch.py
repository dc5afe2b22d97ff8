"""Steps that are handed over together: one events file, and an index entry for each step that points into it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch_hook.arrays import Array
from gridwatch_hook.layout import events_key
from gridwatch_hook.modes import Mode
from gridwatch_hook.records import encode_metadata, encode_record

_OVERHEAD = 256  # bytes of a record and its index entry besides the content, about


@dataclass(slots=True)
class SavedStep:
    """What one worker saves at one global step."""

    step: int
    mode: Mode
    mode_step: int
    wall_time: float  # Unix seconds
    tensors: dict[str, Array] = field(default_factory=dict)
    size: int = 0  # bytes in memory, about

    def add(self, name: str, array: Array) -> None:
        """Of a tensor that is saved again at the same step, the last value counts."""
        former = self.tensors.get(name)
        self.tensors[name] = array
        self.size += array.nbytes + _OVERHEAD if former is None else array.nbytes - former.nbytes


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The content of one step's index object."""

    step: int
    content: Mapping[str, Any]

    def to_json(self, earlier: Sequence[IndexEntry] = ()) -> bytes:
        """The object; steps before this one that have no object of their own yet go along under `earlier`."""
        document = dict(self.content)
        if earlier:
            document["earlier"] = [{"step": entry.step, **entry.content} for entry in earlier]
        return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Batch:
    """One events file and its index entries, by increasing step."""

    events_key: str
    events: bytes
    entries: tuple[IndexEntry, ...]


def encode(steps: Sequence[SavedStep], worker: str) -> Batch:
    """The batch of `steps` (at least one, increasing)."""
    key = events_key(steps[0].step, worker)
    records: list[bytes] = []
    offset = 0
    entries: list[IndexEntry] = []
    for saved in steps:
        metadata = encode_metadata(saved.mode, saved.mode_step)
        payload: list[dict[str, Any]] = []
        for name, array in saved.tensors.items():
            record = encode_record(name, array, metadata, saved.step, saved.wall_time)
            payload.append({"tensorname": name, "start_idx": offset, "length": len(record)})
            records.append(record)
            offset += len(record)
        meta = {"mode": saved.mode.name, "mode_step": saved.mode_step, "event_file_name": key}
        entries.append(IndexEntry(saved.step, {"meta": meta, "tensor_payload": payload}))
    return Batch(key, b"".join(records), tuple(entries))
