"""JSON files that carry their own checksum as their last member, by which Gridwatch notices a flipped bit in them.

Other readers pass over a member more.
"""

from __future__ import annotations

import zlib


def sealed(text: bytes) -> bytes:
    """The JSON object, which has members, with the checksum of all that stands before it."""
    body = text[:-1]
    return b"".join((body, b',"crc32":"', f"{zlib.crc32(body):08x}".encode(), b'"}'))
