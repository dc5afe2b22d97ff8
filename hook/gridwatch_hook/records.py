"""One tensor as a record of an events file: a TFRecord holding an Event protobuf, written field by field.

Field numbers: tensorflow/core/util/event.proto, framework/summary.proto, tensor.proto, tensor_shape.proto.

smdebug accepts a record only when its payload checksum is that of a constant (core/tfrecord/record_writer.py,
CHECKSUM_MAGIC_BYTES), TensorBoard only when it is the payload's own. Every Event therefore ends in an unknown field of
four bytes chosen so that the payload's own checksum is the constant's: both readers verify it, and both are content.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np

from gridwatch_hook.arrays import TENSOR_TYPES, Array
from gridwatch_hook.crc32c import bytes_towards, masked, register_after
from gridwatch_hook.modes import Mode

_MAGIC = b"0x12345678"
_MAGIC_REGISTER = register_after(_MAGIC)
_FOOTER = struct.pack("<I", masked(_MAGIC))
_BALANCE_TAG = b"\x7d"  # field 15, four bytes; Event ends at field 10, and parsers skip what they do not know


def varint(value: int) -> bytes:
    """A non-negative integer in protobuf's base-128 form."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_record(name: str, array: Array, metadata: bytes, step: int, wall_time: float) -> bytes:
    """The record of one tensor at a global step. `metadata` comes from `encode_metadata`, `wall_time` is in Unix
    seconds.
    """
    value = _tag_field(name) + _encode_tensor(array) + metadata
    summary = b"\x0a" + varint(len(value)) + value
    event = b"\x09" + struct.pack("<d", wall_time) + b"\x10" + varint(step) + b"\x2a" + varint(len(summary)) + summary
    event += _BALANCE_TAG
    balance = bytes_towards(register_after(event), _MAGIC_REGISTER)
    return _header(len(event) + 4) + event + balance + _FOOTER


def encode_metadata(mode: Mode, mode_step: int) -> bytes:
    """The metadata of a value: smdebug keeps mode and mode step as the contents of two plug-ins."""
    plugins = _plugin(b"mode_step", str(mode_step)) + _plugin(b"mode", str(mode.value))
    return b"\x4a" + varint(len(plugins)) + plugins


def _plugin(name: bytes, content: str) -> bytes:
    text = content.encode()
    plugin = b"\x0a" + varint(len(name)) + name + b"\x12" + varint(len(text)) + text
    return b"\x0a" + varint(len(plugin)) + plugin


@lru_cache(maxsize=65536)
def _tag_field(name: str) -> bytes:
    text = name.encode()
    return b"\x0a" + varint(len(text)) + text


@lru_cache(maxsize=4096)
def _header(length: int) -> bytes:
    size = struct.pack("<Q", length)
    return size + struct.pack("<I", masked(size))


def _encode_tensor(array: Array) -> bytes:
    if array.dtype.kind == "U":
        # Without a type, as smdebug writes text and expects it back.
        items = [str(item).encode() for item in array]
        tensor = _shape_field(array.shape) + b"".join(b"\x42" + varint(len(item)) + item for item in items)
    else:
        tensor = _number_fields(array.dtype, array.shape) + array.tobytes()
    return b"\x42" + varint(len(tensor)) + tensor


@lru_cache(maxsize=4096)
def _number_fields(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """Everything of a TensorProto of numbers that comes before its content."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return b"\x08" + varint(TENSOR_TYPES[dtype]) + _shape_field(shape) + b"\x22" + varint(size)


def _shape_field(shape: tuple[int, ...]) -> bytes:
    dimensions = b""
    for length in shape:
        size = b"\x08" + varint(length)
        dimensions += b"\x12" + varint(len(size)) + size
    return b"\x12" + varint(len(dimensions)) + dimensions
