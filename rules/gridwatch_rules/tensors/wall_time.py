"""When a record was written, by the clock of the container that wrote it."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

# A record starts with 12 bytes of framing; an Event's first field is its wall time (event.proto: double, field 1).
_TAG = 0x09
_TIME = struct.Struct("<d")
_FRAME = 12
WALL_TIME_END = _FRAME + 1 + _TIME.size  # bytes of a record that say it


def wall_time(record: bytes | memoryview) -> datetime | None:
    """None when the record does not say, or says what is no time."""
    if len(record) < WALL_TIME_END or record[_FRAME] != _TAG:
        return None
    (seconds,) = _TIME.unpack_from(record, _FRAME + 1)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # the clock of a container may say anything
        return None
