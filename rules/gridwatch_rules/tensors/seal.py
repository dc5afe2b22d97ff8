"""Adds to JSON files their own checksum as the last member, and checks it, so that a flipped bit is noticed.

Gridwatch's hook and its recorder of logs write them (gridwatch_hook.seal). The member stands where other readers ignore
it: in an index object at the top level, in a collections file within `_meta`, because smdebug refuses a collections
file with any other member beside that. Files of smdebug and of former versions have no checksum and are read unchecked.
"""

from __future__ import annotations

import re
import zlib

_SEAL = re.compile(rb',"crc32":"([0-9a-f]{8})"\}{1,2}\Z')
_LONGEST = len(b',"crc32":"01234567"}}')


def sealed(text: bytes, depth: int = 1) -> bytes:
    """Add the checksum of all text before it to a JSON object, as its last member. With `depth` 2 it goes into the
    object that is the last member. Neither object may be empty.
    """
    body, end = text[:-depth], text[-depth:]
    return b'%s,"crc32":"%08x"%s' % (body, zlib.crc32(body), end)


def require_unbroken(data: bytes) -> None:
    """Raise ValueError when the file carries a checksum that does not match."""
    found = _SEAL.search(data, max(0, len(data) - _LONGEST))
    if found and int(found[1], 16) != zlib.crc32(data[: found.start()]):
        raise ValueError("its checksum is not its own")
