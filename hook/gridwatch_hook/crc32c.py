"""CRC-32C (Castagnoli), the checksum of TFRecord files, without native code.

Short data goes through a byte table (about 70 ns a byte); long data is cut into equal lanes that numpy advances
together and whose registers are then joined, because the checksum is linear: register(A + B) = zeros(register(A),
len(B)) ^ register(B from 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # reflected
_ONES = 0xFFFFFFFF
_LANES_PAY_FROM = 2048  # bytes
_SHORTEST_LANE = 8  # words of four bytes
_LANES = 2048
_MESSAGES_PAY_FROM = 64

Words = NDArray[np.uint32]


def _byte_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)  # noqa: PLW2901  (eight steps of one register)
        table.append(value)
    return table


_TABLE = _byte_table()


def register_after(data: bytes, register: int = _ONES) -> int:
    """The shift register after `data`, starting from `register`; the CRC is its complement."""
    if len(data) >= _LANES_PAY_FROM:
        return _register_after_lanes(data, register)
    table = _TABLE
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register


def registers_after(messages: Sequence[bytes]) -> list[int]:
    """Compute `register_after` of each message. Many short ones advance together, at a fraction of the cost."""
    registers = [0] * len(messages)
    short = [position for position, message in enumerate(messages) if len(message) < _LANES_PAY_FROM]
    together = len(short) >= _MESSAGES_PAY_FROM
    for position, message in enumerate(messages):
        if not together or len(message) >= _LANES_PAY_FROM:
            registers[position] = register_after(message)
    if together:
        short.sort(key=lambda position: len(messages[position]))  # neighbours of like length need little padding
        for start in range(0, len(short), _LANES):
            positions = short[start : start + _LANES]
            advanced = _advance_messages([messages[position] for position in positions])
            for position, register in zip(positions, advanced, strict=True):
                registers[position] = register
    return registers


def masked(data: bytes) -> int:
    """The CRC of `data` as TFRecord stores it: rotated and offset, so that CRCs of data holding CRCs stay strong."""
    crc = register_after(data) ^ _ONES
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & _ONES


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


def _register_after_lanes(data: bytes, register: int) -> int:
    lane_words = _SHORTEST_LANE
    while lane_words * 4 * _LANES < len(data):
        lane_words *= 2
    lanes = len(data) // (lane_words * 4)
    body = lanes * lane_words * 4
    words = np.frombuffer(data, dtype="<u4", count=body // 4).astype(np.uint32).reshape(lanes, lane_words)
    words[0, 0] ^= register  # starting from a register equals starting from 0 with its bits folded into the first word
    joined = _join(_advance_lanes(words), lane_words * 4)
    return register_after(data[body:], joined)


def _advance_messages(messages: list[bytes]) -> list[int]:
    """The register after each message (of at least four bytes). Each message is a lane padded with zeros in front, so
    that all lanes end together: leading zeros leave a register of 0 as it is.
    """
    width = -(-max(map(len, messages)) // 4) * 4
    padded = b"".join(message.rjust(width, b"\0") for message in messages)
    rows = np.frombuffer(padded, dtype=np.uint8).reshape(len(messages), width).copy()
    starts = width - np.array([len(message) for message in messages])
    # Starting from a register of ones equals starting from 0 with the message's first four bytes inverted.
    rows[np.arange(len(messages))[:, None], starts[:, None] + np.arange(4)] ^= 0xFF
    advanced: list[int] = _advance_lanes(rows.view("<u4").astype(np.uint32, copy=False)).tolist()
    return advanced


def _advance_lanes(words: Words) -> Words:
    tables = _word_tables()
    registers: Words = np.zeros(words.shape[0], dtype=np.uint32)
    for column in np.ascontiguousarray(words.T):
        registers = _look_up(tables, registers ^ column)
    return registers


def _join(registers: Words, lane_bytes: int) -> int:
    """Join neighbouring lanes pairwise until one is left; a lane of zeros before the first changes nothing."""
    while len(registers) > 1:
        if len(registers) % 2:
            registers = np.concatenate([np.zeros(1, dtype=np.uint32), registers])
        registers = _look_up(_zero_tables(lane_bytes), registers[0::2]) ^ registers[1::2]
        lane_bytes *= 2
    return int(registers[0])


def _look_up(tables: Words, registers: Words) -> Words:
    """Apply a linear map of registers, given as one table for each of their four bytes."""
    result: Words = tables[0][registers & 0xFF]
    result ^= tables[1][(registers >> 8) & 0xFF]
    result ^= tables[2][(registers >> 16) & 0xFF]
    result ^= tables[3][registers >> 24]
    return result


@cache
def _word_tables() -> Words:
    """The map of a register over four zero bytes: with the data's word folded in beforehand, the step over one word."""
    return _zero_tables(4)


@cache
def _zero_tables(length: int) -> Words:
    """The map of a register over `length` zero bytes (a power of two, at least 4)."""
    if length == 4:
        rows = [[register_after(bytes(4), value << shift) for value in range(256)] for shift in (0, 8, 16, 24)]
        return np.array(rows, dtype=np.uint32)
    half = _zero_tables(length // 2)
    return np.stack([_look_up(half, row) for row in half])
