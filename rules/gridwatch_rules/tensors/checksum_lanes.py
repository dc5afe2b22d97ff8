"""Advances many registers of CRC-32C together with numpy.

Long data is cut into equal lanes that advance together, and whose registers are then joined, because the checksum is
linear: register(A + B) = zeros(register(A), len(B)) ^ register(B from 0). Many short messages are lanes of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridwatch_rules.tensors.checksum_table import after_bytes

_SHORTEST_LANE = 8  # words of four bytes
_LANES = 2048

Words: TypeAlias = NDArray[np.uint32]


def after_long(data: memoryview, register: int) -> int:
    """The register after `data` of some hundred bytes or more, when it was `register` before."""
    lane_words = _SHORTEST_LANE
    while lane_words * 4 * _LANES < len(data):
        lane_words *= 2
    lanes = len(data) // (lane_words * 4)
    body = lanes * lane_words * 4
    words = np.frombuffer(data, dtype="<u4", count=body // 4).astype(np.uint32).reshape(lanes, lane_words)
    words[0, 0] ^= register  # the same as starting from that register
    return after_bytes(data[body:], _join(_advance(words), lane_words * 4))


def after_each(messages: Sequence[bytes]) -> list[int]:
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
        rows = [[after_bytes(bytes(4), value << shift) for value in range(256)] for shift in (0, 8, 16, 24)]
        return np.array(rows, dtype=np.uint32)
    half = _zero_tables(length // 2)
    return np.stack([_look_up(half, row) for row in half])
