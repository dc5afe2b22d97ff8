"""Reads the framing of the records that an index points at, and the fields of protocol buffers inside them.

It decodes by hand, because importing protobuf costs more than a whole evaluation; gridwatch_rules.tensors.decoding
makes arrays of what is inside. The formats are those of TensorFlow's record format, event.proto, and protobuf's
encoding guide.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

from gridwatch_rules.tensors.checksum import masked_crc32c, registers_after

K = TypeVar("K", bound=Hashable)
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
FRAME = _HEADER.size + _FOOTER.size
# smdebug does not checksum payloads but writes the checksum of this constant instead. Gridwatch's hook ends each
# payload with a field (number 15, four bytes) chosen so that the payload's own checksum equals the constant's, which
# shows damage.
_CONSTANT = b"0x12345678"
_UNCHECKED = masked_crc32c(_CONSTANT)
_CONSTANT_REGISTER = registers_after([_CONSTANT])[0]
_BALANCE, _BALANCE_SIZE = 0x7D, 5

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are not a valid record of the expected tensor."""


def unsound(records: Mapping[K, bytes | memoryview]) -> frozenset[K]:
    """The keys of the records whose content does not match its checksum, found in a tenth of the time of one by one.
    Records with a damaged frame are not included, because reading them reports it.
    """
    own = {key: record[_HEADER.size : -_FOOTER.size] for key, record in records.items() if _is_balanced(record)}
    registers = registers_after(list(own.values()))
    return frozenset(key for key, found in zip(own, registers, strict=True) if found != _CONSTANT_REGISTER)


def _is_balanced(record: bytes | memoryview) -> bool:
    """Whether the content ends with the field that Gridwatch's hook adds."""
    end = len(record) - _FOOTER.size
    if end < FRAME + _BALANCE_SIZE or record[end - _BALANCE_SIZE] != _BALANCE:
        return False
    return bool(_FOOTER.unpack_from(record, end)[0] == _UNCHECKED)


def event_field(event: memoryview, wanted: int) -> memoryview | None:
    """The content of one of an Event's fields of bytes; None when the Event lacks it. Raises WireError."""
    try:
        return next((event[start:end] for number, start, end in fields(event, 0, len(event)) if number == wanted), None)
    except (IndexError, struct.error, ValueError) as error:
        raise WireError(f"not an event: {error}") from error


def payload(data: memoryview, *, verified: bool) -> tuple[int, int]:
    """Start and end of a framed record's content. Raises WireError when the frame or a checksum is damaged."""
    length, checksum = _HEADER.unpack_from(data)
    if length + FRAME != len(data):
        raise WireError(f"a record of {length} bytes where the index says {len(data) - FRAME}")
    if _checksum_of_length(length) != checksum:
        raise WireError("checksum of the record's length")
    start, end = _HEADER.size, _HEADER.size + length
    (checksum,) = _FOOTER.unpack_from(data, end)
    checked = checksum != _UNCHECKED or data[end - _BALANCE_SIZE] == _BALANCE
    if checked and not (verified and checksum == _UNCHECKED) and checksum != masked_crc32c(data[start:end]):
        raise WireError("checksum of the record's content")
    return start, end


@lru_cache(maxsize=4096)
def _checksum_of_length(length: int) -> int:
    return masked_crc32c(length.to_bytes(8, "little"))


def fields(data: memoryview, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of each field; for a varint, its value is in place of its start."""
    while position < end:
        key = data[position]
        position += 1
        if key > 127:
            key, position = varint(data, position - 1)
        kind = key & 7
        if kind == _BYTES:
            length = data[position]
            position += 1
            if length > 127:
                length, position = varint(data, position - 1)
            start, position = position, position + length
            if position > end:
                raise WireError("a field longer than its message")
            yield key >> 3, start, position
        elif kind == _VARINT:
            value, position = varint(data, position)
            yield key >> 3, value, position
        elif kind == _FIXED64:
            position += 8
            yield key >> 3, position - 8, position
        elif kind == _FIXED32:
            position += 4
            yield key >> 3, position - 4, position
        else:
            raise WireError(f"field type {kind}")


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise WireError("a varint of more than ten bytes")
