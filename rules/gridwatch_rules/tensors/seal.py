"""JSON files that carry their own checksum as their last member, so that a flipped bit in them is noticed.

Gridwatch's hook and its recorder of logs write them (gridwatch_hook.seal). The member stands where readers that know
nothing of it pass over it: in an index object itself, in a collections file within `_meta`, because smdebug refuses a
file with another member beside that. Files of smdebug and of former versions have none, and are read as they are.
"""

from __future__ import annotations

import re
import zlib

_SEAL = re.compile(rb',"crc32":"([0-9a-f]{8})"\}{1,2}\Z')
_LONGEST = len(b',"crc32":"01234567"}}')


def sealed(text: bytes, depth: int = 1) -> bytes:
    """The JSON object with the checksum of all that stands before it; with a depth of 2 as the last member of the
    object that is its last member. Neither is empty.
    """
    body, end = text[:-depth], text[-depth:]
    return b'%s,"crc32":"%08x"%s' % (body, zlib.crc32(body), end)


def require_unbroken(data: bytes) -> None:
    """Raises ValueError when the file carries a checksum that is not its own."""
    found = _SEAL.search(data, max(0, len(data) - _LONGEST))
    if found and int(found[1], 16) != zlib.crc32(data[: found.start()]):
        raise ValueError("its checksum is not its own")
