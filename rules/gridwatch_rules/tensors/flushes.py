"""Reads flush objects: events files that carry their own index, so that one object describes all steps written at once.

Gridwatch's hook writes them during trainings that Gridwatch launched (gridwatch_hook.batch). The first record is an
Event that holds the index in field 14, in the form of an index object; places in it count from that record's end.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gridwatch_rules.tensors.cache import BoundedCache
from gridwatch_rules.tensors.checksum import masked_crc32c
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.index import LARGEST_INDEX, WorkerStep, parse_index
from gridwatch_rules.tensors.source import ByteRange, TensorSource
from gridwatch_rules.tensors.wire import FRAME, WireError, event_field

HEAD = 256 * 1024  # bytes of a flush object that are read at first; this is mostly all of it
INDEX_FIELD = 14
_REMEMBERED = 32 * 1024 * 1024  # bytes of cached beginnings
_LENGTH = struct.Struct("<QI")


def index_record_length(key: str, head: bytes) -> int | None:
    """The length of the index's record in bytes; None when `head` is too short to tell. Raises CorruptTensorError."""
    if len(head) < _LENGTH.size:
        return None
    length, checksum = _LENGTH.unpack_from(head)
    if masked_crc32c(head[:8]) != checksum:
        raise CorruptTensorError(key, "checksum of the length of its index")
    if length > LARGEST_INDEX:
        raise CorruptTensorError(key, f"an index of {length:,} bytes, where at most {LARGEST_INDEX:,} are read")
    return int(length) + FRAME


def flushed_steps(key: str, step: int, worker: str, head: bytes) -> list[WorkerStep] | None:
    """The steps that a flush object describes, increasing; None when its index is incomplete in `head`.

    Raises CorruptTensorError when it can never be read.
    """
    found = _index(key, head)
    if found is None:
        return None
    index, length = found
    steps = parse_index(key, step, worker, index)
    if steps is None:
        raise CorruptTensorError(key, "its index ends early")
    return [_in_object(each, key, length) for each in steps]


def follows(key: str, head: bytes) -> int | None:
    """The last step of the flush object that the same process wrote before this one; -1 when this is its first, None
    when the object does not say. Raises CorruptTensorError.
    """
    found = _index(key, head)
    try:
        said = json.loads(found[0]).get("follows") if found else None
    except (ValueError, AttributeError, RecursionError) as error:
        raise CorruptTensorError(key, f"not an index ({error})") from error
    return said if type(said) is int else None


def _index(key: str, head: bytes) -> tuple[bytes, int] | None:
    """The index in an object's first record, and the end of that record; None when the record is incomplete."""
    length = index_record_length(key, head)
    if length is None or len(head) < length:
        return None
    record = memoryview(head)[:length]
    content, (checksum,) = record[_LENGTH.size : -4], struct.unpack_from("<I", record, length - 4)
    if masked_crc32c(content) != checksum:
        raise CorruptTensorError(key, "checksum of its index")
    try:
        index = event_field(content, INDEX_FIELD)
    except WireError as error:
        raise CorruptTensorError(key, str(error)) from error
    if index is None:
        raise CorruptTensorError(key, "its first record holds no index")
    return bytes(index), length


def _in_object(step: WorkerStep, key: str, begins_at: int) -> WorkerStep:
    """The step with places counted from the object's beginning. A flush object may only describe places in itself."""

    def moved(place: ByteRange) -> ByteRange:
        return ByteRange(key, place.start + begins_at, place.length)

    reductions = {
        name: {reduction: moved(place) for reduction, place in places.items()}
        for name, places in step.reductions.items()
    }
    return replace(step, tensors={name: moved(place) for name, place in step.tensors.items()}, reductions=reductions)


def _is_whole(key: str, head: bytes) -> bool:
    """Whether `head` holds the whole index, or the index is damaged, which its reader will report."""
    needed = _needed(key, head)
    return needed is not None and len(head) >= needed


def _needed(key: str, head: bytes) -> int | None:
    """The number of bytes that hold the index; None when `head` is too short to tell, 0 for a damaged object."""
    try:
        return index_record_length(key, head)
    except CorruptTensorError:
        return 0


class HeadedSource:
    """A source that caches the beginnings of flush objects, so that bytes in them need no further request."""

    def __init__(self, source: TensorSource) -> None:
        self._source = source
        self._heads: BoundedCache[str, bytes] = BoundedCache(_REMEMBERED)

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Sequence[str]:
        return self._source.keys(prefix, after, limit)

    def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
        held = {place: part for place in ranges if (part := self._held(place)) is not None}
        rest = [place for place in ranges if place not in held]
        fetched = dict(zip(rest, self._source.read(rest), strict=True)) if rest else {}
        return [held[place] if place in held else fetched[place] for place in ranges]

    def heads(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The beginning of each flush object, long enough for its index as far as that is written."""
        held = {key: head for key in keys if (head := self._heads.get(key)) is not None and _is_whole(key, head)}
        rest = [key for key in keys if key not in held]
        read = self._source.read([ByteRange(key, 0, HEAD) for key in rest]) if rest else ()
        fresh = dict(zip(rest, read, strict=True))
        found = {key: held[key] if key in held else fresh[key] or b"" for key in keys}
        long = {
            key: needed
            for key, head in found.items()
            if len(head) == HEAD and (needed := _needed(key, head) or 0) > HEAD
        }
        longer = self._source.read([ByteRange(key, 0, needed) for key, needed in long.items()]) if long else ()
        found |= {key: head or b"" for key, head in zip(long, longer, strict=True)}
        for key, head in found.items():
            self._heads.put(key, head, len(head))
        return found

    def _held(self, place: ByteRange) -> bytes | None:
        if place.length is None:
            return None
        head = self._heads.get(place.key)
        end = place.start + place.length
        return head[place.start : end] if head is not None and end <= len(head) else None
