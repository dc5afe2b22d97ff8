"""CRC-32C (Castagnoli), as TFRecord uses it. Polynomial and masking are those of RFC 3720 appendix B.4 and of
TensorFlow's record format.

Short data goes through a table of bytes; long data and many short messages go through numpy, which is imported with the
first of them: whoever reads or writes a few records does without it, and its import is a third of a handler's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from gridwatch_rules.tensors.checksum_table import ONES, TABLE, after_bytes

_LONG = 2048  # bytes from which lanes are faster
_AT_ONCE = 2048  # messages
_TOGETHER_FROM = 16  # messages from which lanes are faster


def masked_crc32c(data: bytes | memoryview) -> int:
    """The checksum as TFRecord stores it: rotated and offset, so that a checksum of data that holds checksums stays
    strong.
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & ONES


def crc32c(data: bytes | memoryview) -> int:
    """CRC-32C of `data`."""
    return _register_after(data) ^ ONES


def registers_after(messages: Sequence[bytes | memoryview]) -> list[int]:
    """The register after each message; its complement is the CRC. Many short messages together take a tenth of the
    time.
    """
    short = [place for place, message in enumerate(messages) if 4 <= len(message) < _LONG]
    if len(short) < _TOGETHER_FROM:
        return [_register_after(message) for message in messages]
    from gridwatch_rules.tensors.checksum_lanes import after_each  # noqa: PLC0415  numpy is slow to import

    registers = [0] * len(messages)
    for place in set(range(len(messages))).difference(short):
        registers[place] = _register_after(messages[place])
    short.sort(key=lambda place: len(messages[place]))  # neighbours of like length need little padding
    for start in range(0, len(short), _AT_ONCE):
        places = short[start : start + _AT_ONCE]
        for place, register in zip(places, after_each([bytes(messages[place]) for place in places]), strict=True):
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
    by_high_byte = {entry >> 24: index for index, entry in enumerate(TABLE)}
    register = target
    for _ in range(4):
        index = by_high_byte[register >> 24]
        register = ((register ^ TABLE[index]) << 8 | index) & ONES
    return register


def _register_after(data: bytes | memoryview) -> int:
    """The register after `data`, when it was all ones before."""
    if len(data) < _LONG:
        return after_bytes(data, ONES)
    from gridwatch_rules.tensors.checksum_lanes import after_long  # noqa: PLC0415  numpy is slow to import

    return after_long(memoryview(data), ONES)
