"""CRC-32C (Castagnoli), as TFRecord uses it. Polynomial and masking: RFC 3720 appendix B.4, TensorFlow's record
format.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # reflected
_BLOCKS = 1024
_LONG = 16 * _BLOCKS


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
    """The checksum as it stands in a TFRecord: rotated and offset, so that a checksum of checksums stays useful."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes | memoryview) -> int:
    """CRC-32C of `data`. Long data is cut into equal blocks whose checksums advance together and are then joined."""
    if len(data) < _LONG:
        return _advance(0xFFFFFFFF, data) ^ 0xFFFFFFFF
    length = len(data) // _BLOCKS
    head = memoryview(data)[: length * _BLOCKS]
    crc = 0xFFFFFFFF
    joined = _zeros_operator(length)
    for block in _block_states(head, length):
        crc = _apply(joined, crc) ^ int(block)
    return _advance(crc, memoryview(data)[length * _BLOCKS :]) ^ 0xFFFFFFFF


def _advance(crc: int, data: bytes | memoryview) -> int:
    table = _TABLE
    for byte in bytes(data):
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def _block_states(data: memoryview, length: int) -> NDArray[np.uint32]:
    """The register after each block, started from zero: shape (blocks,)."""
    columns = np.ascontiguousarray(np.frombuffer(data, dtype=np.uint8).reshape(_BLOCKS, length).T)
    table = np.array(_TABLE, dtype=np.uint32)
    states = np.zeros(_BLOCKS, dtype=np.uint32)
    for column in columns:
        states = table[(states ^ column) & 0xFF] ^ (states >> 8)
    return states


@lru_cache(maxsize=32)
def _zeros_operator(length: int) -> tuple[int, ...]:
    """The register's 32 bits after `length` zero bytes, by repeated squaring of the operator for one byte."""
    result = tuple(1 << bit for bit in range(32))
    power = tuple(_TABLE[value & 0xFF] ^ (value >> 8) for value in result)
    while length:
        if length & 1:
            result = tuple(_apply(power, value) for value in result)
        power = tuple(_apply(power, value) for value in power)
        length >>= 1
    return result


def _apply(operator: tuple[int, ...], value: int) -> int:
    result = 0
    bit = 0
    while value:
        if value & 1:
            result ^= operator[bit]
        value >>= 1
        bit += 1
    return result
