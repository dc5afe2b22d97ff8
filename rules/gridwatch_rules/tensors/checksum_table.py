"""Advances the register of CRC-32C byte by byte, through a table. Polynomial: RFC 3720 appendix B.4."""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78  # reflected
ONES = 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = _table()


def after_bytes(data: bytes | memoryview, register: int) -> int:
    """The register after `data`, when it was `register` before."""
    table = TABLE
    for byte in bytes(data):
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register
