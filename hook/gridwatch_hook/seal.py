"""Adds to a JSON file its own checksum as the last member, by which Gridwatch notices a flipped bit in it.

It stands where other readers ignore it: in an index object at the top level, in a collections file within `_meta`,
because smdebug refuses a collections file with any other member beside that.
"""

from __future__ import annotations

import zlib


def sealed(text: bytes, depth: int = 1) -> bytes:
    """Add the checksum of all text before it to a JSON object, as its last member. With `depth` 2 it goes into the
    object that is the last member. Neither object may be empty.
    """
    body, end = text[:-depth], text[-depth:]
    return b'%s,"crc32":"%08x"%s' % (body, zlib.crc32(body), end)
