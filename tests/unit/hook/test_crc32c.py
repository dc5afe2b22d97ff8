"""The checksum, and data with a checksum chosen beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridwatch_hook.crc32c import bytes_towards, masked, register_after, registers_after


def bit_by_bit(data: bytes, register: int) -> int:
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register


def test_check_value_of_rfc_3720() -> None:
    assert register_after(b"123456789") ^ 0xFFFFFFFF == 0xE3069283
    assert masked(b"") == 0xA282EAD8


@pytest.mark.parametrize("length", [0, 1, 2047, 2048, 2049, 2080, 10_001, 70_003])
def test_lanes_give_what_bits_give(length: int) -> None:
    data = np.random.default_rng(length).bytes(length)
    assert register_after(data) == bit_by_bit(data, 0xFFFFFFFF)
    assert register_after(data, 0x12345678) == bit_by_bit(data, 0x12345678)


@given(st.binary(max_size=64), st.integers(0, 2**32 - 1))
def test_four_bytes_lead_to_any_register(data: bytes, target: int) -> None:
    assert register_after(data + bytes_towards(register_after(data), target)) == target


@pytest.mark.parametrize("count", [0, 1, 63, 64, 2100])
def test_many_messages_at_once_give_what_each_gives_alone(count: int) -> None:
    random = np.random.default_rng(count)
    messages = [random.bytes(int(random.integers(4, 3000 if number % 50 == 0 else 150))) for number in range(count)]
    assert registers_after(messages) == [bit_by_bit(message, 0xFFFFFFFF) for message in messages]
