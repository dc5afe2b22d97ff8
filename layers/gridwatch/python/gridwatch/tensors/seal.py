"""JSON files that carry their own checksum as their last member, so that a flipped bit in them is noticed.

Gridwatch's hook and its recorder of logs write them (gridwatch_hook.seal); readers that know nothing of it pass over a
member more. Files of smdebug and of former versions have none, and are read as they are.
"""

from __future__ import annotations

import zlib

_BEFORE, _AFTER = b',"crc32":"', b'"}'
_DIGITS = 8
_LENGTH = len(_BEFORE) + _DIGITS + len(_AFTER)


def sealed(text: bytes) -> bytes:
    """The JSON object, which has members, with the checksum of all that stands before it."""
    body = text[:-1]
    return b"".join((body, _BEFORE, f"{zlib.crc32(body):08x}".encode(), _AFTER))


def require_unbroken(data: bytes) -> None:
    """Raises ValueError when the file carries a checksum that is not its own."""
    body, seal = data[:-_LENGTH], data[-_LENGTH:]
    if seal.startswith(_BEFORE) and seal.endswith(_AFTER):
        told = seal[len(_BEFORE) : -len(_AFTER)]
        if told != f"{zlib.crc32(body):08x}".encode():
            raise ValueError("its checksum is not its own")
