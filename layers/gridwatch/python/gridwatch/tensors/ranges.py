"""Many small reads as few larger ones: a request to S3 costs far more than the bytes between two tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gridwatch.tensors.source import ByteRange, TensorSource

_GAP = 64 * 1024


def read_ranges(source: TensorSource, wanted: Iterable[ByteRange]) -> dict[ByteRange, bytes]:
    """The bytes of every wanted range (of known length) that is wholly there; the others are left out."""
    distinct = sorted({place for place in wanted if place.length is not None})
    merged = merge(distinct)
    found: dict[ByteRange, bytes] = {}
    position = 0
    for place, data in zip(merged, source.read(merged), strict=True):
        end = place.start + (place.length or 0)
        while position < len(distinct) and _within(distinct[position], place.key, end):
            part = distinct[position]
            position += 1
            first = part.start - place.start
            if data is not None and first + (part.length or 0) <= len(data):
                found[part] = data if part == place else data[first : first + (part.length or 0)]
    return found


def merge(ordered: Sequence[ByteRange], gap: int = _GAP) -> list[ByteRange]:
    """Ranges of one object that touch, overlap or lie at most `gap` bytes apart become one. `ordered` must be
    sorted.
    """
    merged: list[ByteRange] = []
    for key, start, length in ordered:
        end = start + (length or 0)
        if merged:
            last = merged[-1]
            last_end = last.start + (last.length or 0)
            if last.key == key and start <= last_end + gap:
                if end > last_end:
                    merged[-1] = ByteRange(key, last.start, end - last.start)
                continue
        merged.append(ByteRange(key, start, length))
    return merged


def _within(part: ByteRange, key: str, end: int) -> bool:
    return part.key == key and part.start + (part.length or 0) <= end
