"""Steps that are handed over together: one events file, and an index entry for each step that points into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch_hook.arrays import Array
from gridwatch_hook.layout import events_key, flush_key
from gridwatch_hook.modes import Mode
from gridwatch_hook.records import StepEncoder, frame, index_event
from gridwatch_hook.seal import sealed

_OVERHEAD = 256  # approximate bytes of a step, or of a record with its index entry, without content and name


@dataclass(slots=True)
class SavedStep:
    """The tensors that one worker saves at one global step."""

    step: int
    mode: Mode
    mode_step: int
    wall_time: float  # Unix seconds
    tensors: dict[str, Array] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # the shapes of tensors that are not saved whole
    size: int = _OVERHEAD  # approximate bytes in memory; an upper bound for its index entries
    asked: bool = True  # a collection other than CURVES asked for it

    def add(self, name: str, array: Array) -> None:
        """Add a tensor. When it was saved before at the same step, the last value counts."""
        former = self.tensors.get(name)
        self.tensors[name] = array
        self.size += array.nbytes + _OVERHEAD + 2 * len(name) if former is None else array.nbytes - former.nbytes


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The content of one step's index object."""

    step: int
    content: Mapping[str, Any]
    asked: bool = True

    def to_json(self, earlier: Sequence[IndexEntry] = (), **further: Any) -> bytes:
        """Encode the index object. Former steps that have no object of their own yet are included under `earlier`,
        along with other members that only Gridwatch's reader knows.
        """
        document = {**self.content, **further}
        if earlier:
            document["earlier"] = [{"step": entry.step, **entry.content} for entry in earlier]
        return sealed(json.dumps(document, separators=(",", ":")).encode())


@dataclass(frozen=True, slots=True)
class Batch:
    """One events file and its index entries, by increasing step."""

    events_key: str
    events: bytes
    entries: tuple[IndexEntry, ...]


def encode(steps: Sequence[SavedStep], worker: str) -> Batch:
    """Encode `steps` (at least one, increasing) as one batch."""
    key = events_key(steps[0].step, worker)
    records = frame(_events(steps))
    return Batch(key, b"".join(records), tuple(_entries(steps, key, records)))


def encode_together(steps: Sequence[SavedStep], worker: str, follows: int | None = None) -> Batch:
    """Encode `steps` as one batch whose events file begins with its own index. Places in that index count from the end
    of the first record.

    Places in the batch's own entries count from the beginning of the file, as other readers expect. `follows` is the
    last step of the file that this process wrote before, or -1 when this is its first.
    """
    key = flush_key(steps[-1].step, worker)
    records = frame(_events(steps))
    *earlier, last = _entries(steps, key, records)
    members = {} if follows is None else {"follows": follows}
    (head,) = frame([index_event(steps[-1].wall_time, last.to_json(earlier, **members))])
    entries = _entries(steps, key, records, offset=len(head))
    return Batch(key, b"".join([head, *records]), tuple(entries))


def _events(steps: Sequence[SavedStep]) -> list[bytes]:
    events: list[bytes] = []
    for saved in steps:
        encoder = StepEncoder(saved.step, saved.wall_time, saved.mode, saved.mode_step)
        events.extend(encoder.event(name, array) for name, array in saved.tensors.items())
    return events


def _entries(
    steps: Sequence[SavedStep], key: str, records: Sequence[bytes], *, offset: int = 0
) -> Iterator[IndexEntry]:
    lengths = (len(record) for record in records)
    for saved in steps:
        payload: list[dict[str, Any]] = []
        for name in saved.tensors:
            length = next(lengths)
            payload.append({"tensorname": name, "start_idx": offset, "length": length})
            offset += length
        meta = {"mode": saved.mode.name, "mode_step": saved.mode_step, "event_file_name": key}
        content: dict[str, Any] = {"meta": meta, "tensor_payload": payload}
        if saved.shapes:
            content["shape_payload"] = [
                {"tensorname": name, "originalname": name, "shape": shape} for name, shape in saved.shapes.items()
            ]
        if not saved.asked:
            content["unasked"] = True
        yield IndexEntry(saved.step, content, saved.asked)
