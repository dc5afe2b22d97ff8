"""CRC-32C (Castagnoli), as TFRecord uses it. Polynomial and masking are those of RFC 3720 appendix B.4 and of
TensorFlow's record format.

Short data goes through a table of bytes; long data is cut into equal lanes that numpy advances together, and whose
registers are then joined, because the checksum is linear: register(A + B) = zeros(register(A), len(B)) ^ register(B
from 0). Many short messages are lanes of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # reflected
_ONES = 0xFFFFFFFF
_LONG = 2048  # bytes from which lanes are faster
_SHORTEST_LANE = 8  # words of four bytes
_LANES = 2048
_TOGETHER_FROM = 16  # messages from which lanes are faster

Words: TypeAlias = NDArray[np.uint32]


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()


def masked_crc32c(data: bytes | memoryview) -> int:
    """The checksum as TFRecord stores it: rotated and offset, so that a checksum of data that holds checksums stays
    strong.
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ONES


def crc32c(data: bytes | memoryview) -> int:
    """CRC-32C of `data`."""
    return _register_after(data, _ONES) ^ _ONES


def registers_after(messages: Sequence[bytes | memoryview]) -> list[int]:
    """The register after each message; its complement is the CRC. Many short messages together take a tenth of the
    time.
    """
    short = [place for place, message in enumerate(messages) if 4 <= len(message) < _LONG]
    if len(short) < _TOGETHER_FROM:
        return [_register_after(message, _ONES) for message in messages]
    registers = [0] * len(messages)
    for place in set(range(len(messages))).difference(short):
        registers[place] = _register_after(messages[place], _ONES)
    short.sort(key=lambda place: len(messages[place]))  # neighbours of like length need little padding
    for start in range(0, len(short), _LANES):
        places = short[start : start + _LANES]
        for place, register in zip(places, _together([bytes(messages[place]) for place in places]), strict=True):
            registers[place] = register
    return registers


def bytes_towards(register: int, target: int) -> bytes:
    """The four bytes that lead from `register` to `target`. Data followed by them gets a checksum chosen beforehand."""
    return (register ^ _before(target)).to_bytes(4, "little")


@cache
def _before(target: int) -> int:
    """The word w with register_after(w, 0) == target: four steps backwards, each found by the table entry's unique
    high byte.
    """
    by_high_byte = {entry >> 24: index for index, entry in enumerate(_TABLE)}
    register = target
    for _ in range(4):
        index = by_high_byte[register >> 24]
        register = ((register ^ _TABLE[index]) << 8 | index) & _ONES
    return register


def _register_after(data: bytes | memoryview, register: int) -> int:
    if len(data) >= _LONG:
        return _after_lanes(memoryview(data), register)
    table = _TABLE
    for byte in bytes(data):
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register


def _after_lanes(data: memoryview, register: int) -> int:
    lane_words = _SHORTEST_LANE
    while lane_words * 4 * _LANES < len(data):
        lane_words *= 2
    lanes = len(data) // (lane_words * 4)
    body = lanes * lane_words * 4
    words = np.frombuffer(data, dtype="<u4", count=body // 4).astype(np.uint32).reshape(lanes, lane_words)
    words[0, 0] ^= register  # the same as starting from that register
    return _register_after(data[body:], _join(_advance(words), lane_words * 4))


def _together(messages: Sequence[bytes]) -> list[int]:
    """The register after each message. Each message is a lane padded with zeros in front, so that all lanes end
    together: leading zeros leave a register of 0 as it is.
    """
    width = -(-max(map(len, messages)) // 4) * 4
    padded = b"".join(message.rjust(width, b"\0") for message in messages)
    lanes = np.frombuffer(padded, dtype=np.uint8).reshape(len(messages), width).copy()
    starts = width - np.array([len(message) for message in messages])
    # Starting from a register of ones equals starting from 0 with the message's first four bytes inverted.
    lanes[np.arange(len(messages))[:, None], starts[:, None] + np.arange(4)] ^= 0xFF
    registers: list[int] = _advance(lanes.view("<u4").astype(np.uint32, copy=False)).tolist()
    return registers


def _advance(words: Words) -> Words:
    """The register after each lane, started from zero: shape (lanes,)."""
    tables = _zero_tables(4)  # with the data's word folded in beforehand, the step over one word
    registers: Words = np.zeros(words.shape[0], dtype=np.uint32)
    for column in np.ascontiguousarray(words.T):
        registers = _look_up(tables, registers ^ column)
    return registers


def _join(registers: Words, lane_bytes: int) -> int:
    """Joins neighbouring lanes pairwise until one is left; a lane of zeros before the first changes nothing."""
    while len(registers) > 1:
        if len(registers) % 2:
            registers = np.concatenate([np.zeros(1, dtype=np.uint32), registers])
        registers = _look_up(_zero_tables(lane_bytes), registers[0::2]) ^ registers[1::2]
        lane_bytes *= 2
    return int(registers[0])


def _look_up(tables: Words, registers: Words) -> Words:
    """Applies a linear map of registers, given as one table for each of their four bytes."""
    result: Words = tables[0][registers & 0xFF]
    result ^= tables[1][(registers >> 8) & 0xFF]
    result ^= tables[2][(registers >> 16) & 0xFF]
    result ^= tables[3][registers >> 24]
    return result


@cache
def _zero_tables(length: int) -> Words:
    """The map of a register over `length` zero bytes (a power of two, at least 4)."""
    if length == 4:
        rows = [[_register_after(bytes(4), value << shift) for value in range(256)] for shift in (0, 8, 16, 24)]
        return np.array(rows, dtype=np.uint32)
    half = _zero_tables(length // 2)
    return np.stack([_look_up(half, row) for row in half])
