"""Encodes tensors as records of an events file: TFRecords that hold Event protobufs, written field by field.

Field numbers: tensorflow/core/util/event.proto, framework/summary.proto, tensor.proto, tensor_shape.proto.

smdebug accepts a record only when its payload checksum is that of a constant (core/tfrecord/record_writer.py,
CHECKSUM_MAGIC_BYTES), TensorBoard only when it is the payload's own. Every Event therefore ends in an unknown field of
four bytes chosen so that the payload's own checksum is the constant's: both readers verify it, and both are content.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gridwatch_hook.arrays import TENSOR_TYPES, Array
from gridwatch_hook.crc32c import bytes_towards, masked, register_after, registers_after
from gridwatch_hook.modes import Mode

_MAGIC = b"0x12345678"
_MAGIC_REGISTER = register_after(_MAGIC)
_FOOTER = struct.pack("<I", masked(_MAGIC))
_INDEX_TAG = b"\x72"  # field 14, bytes: the index of the file, which other readers skip
_BALANCE_TAG = b"\x7d"  # field 15, four bytes; Event ends at field 10, and parsers skip what they do not know


def varint(value: int) -> bytes:
    """A non-negative integer in protobuf's base-128 form."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class StepEncoder:
    """Encodes the Events of one step. All its tensors share their time (Unix seconds), global step and mode."""

    def __init__(self, step: int, wall_time: float, mode: Mode, mode_step: int) -> None:
        self._head = b"\x09" + struct.pack("<d", wall_time) + b"\x10" + varint(step) + b"\x2a"
        # smdebug keeps mode and mode step as the contents of two plug-ins.
        plugins = _plugin(b"mode_step", str(mode_step)) + _plugin(b"mode", str(mode.value))
        self._metadata = b"\x4a" + varint(len(plugins)) + plugins

    def event(self, name: str, array: Array) -> bytes:
        """The Event of one tensor, without its last four bytes, which `frame` adds."""
        if array.dtype.kind == "U":
            tensor = _text(array)
            value = b"".join((_tag(name), b"\x42", varint(len(tensor)), tensor, self._metadata))
            return b"".join((self._head, _lengths(len(value)), value, _BALANCE_TAG))
        fixed, content = _before_content(name, array.dtype, array.shape), array.tobytes()
        lengths = _lengths(len(fixed) + len(content) + len(self._metadata))
        return b"".join((self._head, lengths, fixed, content, self._metadata, _BALANCE_TAG))


def index_event(wall_time: float, index: bytes) -> bytes:
    """The Event that carries a file's index and no tensor, without its last four bytes, which `frame` adds."""
    return b"".join((b"\x09", struct.pack("<d", wall_time), _INDEX_TAG, varint(len(index)), index, _BALANCE_TAG))


def frame(events: Sequence[bytes]) -> list[bytes]:
    """Complete Events from `StepEncoder.event` and `index_event` and frame them as records."""
    registers = registers_after(events)
    return [
        b"".join((_header(len(event) + 4), event, bytes_towards(register, _MAGIC_REGISTER), _FOOTER))
        for event, register in zip(events, registers, strict=True)
    ]


def _plugin(name: bytes, content: str) -> bytes:
    text = content.encode()
    plugin = b"\x0a" + varint(len(name)) + name + b"\x12" + varint(len(text)) + text
    return b"\x0a" + varint(len(plugin)) + plugin


@lru_cache(maxsize=4096)
def _header(length: int) -> bytes:
    size = struct.pack("<Q", length)
    return size + struct.pack("<I", masked(size))


@lru_cache(maxsize=4096)
def _lengths(value: int) -> bytes:
    """The lengths of a Summary and of the one value in it, and the field number between them."""
    inner = b"\x0a" + varint(value)
    return varint(len(inner) + value) + inner


@lru_cache(maxsize=65536)
def _before_content(name: str, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """The part of a Summary's value that precedes the numbers of its tensor."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    tensor = b"\x08" + varint(TENSOR_TYPES[dtype]) + _shape(shape) + b"\x22" + varint(size)
    return _tag(name) + b"\x42" + varint(len(tensor) + size) + tensor


def _text(array: Array) -> bytes:
    """Encode a tensor of text. It carries no type, because smdebug writes and expects text without one."""
    items = [str(item).encode() for item in array]
    return _shape(array.shape) + b"".join(b"\x42" + varint(len(item)) + item for item in items)


def _tag(name: str) -> bytes:
    text = name.encode()
    return b"\x0a" + varint(len(text)) + text


def _shape(shape: tuple[int, ...]) -> bytes:
    dimensions = b""
    for length in shape:
        size = b"\x08" + varint(length)
        dimensions += b"\x12" + varint(len(size)) + size
    return b"\x12" + varint(len(dimensions)) + dimensions
