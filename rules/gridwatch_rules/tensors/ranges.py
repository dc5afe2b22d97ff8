"""Joins many small reads into few larger ones, because a request to S3 costs far more than the bytes between two
tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.source import ByteRange, TensorSource

_GAP = 64 * 1024


def read_ranges(source: TensorSource, wanted: Iterable[ByteRange]) -> dict[ByteRange, memoryview]:
    """Read the wanted ranges (of known length). Ranges that are not wholly there are left out.

    The results are views of larger reads, not copies. Raises CorruptTensorError when an object's name is a folder's.
    """
    distinct = sorted({place for place in wanted if place.length is not None})
    merged = merge(distinct)
    found: dict[ByteRange, memoryview] = {}
    position = 0
    try:
        contents = source.read(merged)
    except IsADirectoryError as error:
        raise CorruptTensorError(str(error.filename), "it is a folder where a file should be") from error
    for (key, begin, length), data in zip(merged, contents, strict=True):
        view = memoryview(data or b"")
        end, there = begin + (length or 0), begin + len(view)
        while position < len(distinct):
            part = distinct[position]
            stop = part.start + (part.length or 0)
            if part.key != key or stop > end:
                break
            if stop <= there:
                found[part] = view[part.start - begin : stop - begin]
            position += 1
    return found


def merge(ordered: Sequence[ByteRange], gap: int = _GAP) -> list[ByteRange]:
    """Merge ranges of one object that touch, overlap or lie at most `gap` bytes apart. `ordered` must be sorted."""
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
