"""Single records: checksums, damage, and bounds."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwatch_rules.tensors.checksum import crc32c, masked_crc32c
from gridwatch_rules.tensors.decoding import TensorDecoder, read_tensor
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.wire import WireError
from tests.tensor_folder import encode, frame


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of RFC 3720's CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert masked_crc32c(b"") == 0xA282EAD8


@settings(deadline=None)  # whatever else the machine does
@given(st.integers(0, 40_000), st.integers(0, 2**32 - 1))
def test_long_data_is_summed_as_short_data(length: int, seed: int) -> None:
    data = np.random.default_rng(seed).bytes(length)
    expected = 0xFFFFFFFF
    for byte in data:
        expected ^= byte
        for _ in range(8):
            expected = expected >> 1 ^ (0x82F63B78 if expected & 1 else 0)
    assert crc32c(data) == expected ^ 0xFFFFFFFF


def test_a_checked_payload_that_changed_is_refused() -> None:
    record = encode(3, "loss", np.array([1.5, 2.5]), Mode.TRAIN, 1)
    checked = frame(record[12:-4])
    assert read_tensor(checked).value.tolist() == [1.5, 2.5]
    with pytest.raises(WireError, match="content"):
        read_tensor(checked[:40] + bytes([checked[40] ^ 1]) + checked[41:])


@given(st.data())
def test_damage_is_an_error_or_leaves_a_tensor(data: st.DataObject) -> None:
    """Whatever happens to the bytes, nothing but a WireError comes out (smdebug does not checksum its payloads)."""
    record = bytearray(encode(3, "loss", np.arange(6.0).reshape(2, 3), Mode.TRAIN, 1))
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(record)))
    with contextlib.suppress(WireError):
        read_tensor(bytes(record[:length]))


def test_a_shape_that_does_not_fit_is_refused() -> None:
    record = encode(0, "a", np.zeros((2, 3)), Mode.GLOBAL, 0)
    with pytest.raises(WireError, match="do not make the shape"):
        read_tensor(frame(record[12:-4].replace(b"\x08\x03", b"\x08\x04"), b"0x12345678"))


def test_tensors_of_other_writers_are_read() -> None:
    """TensorBoard's simple values, and numbers in the typed fields of TensorProto."""
    simple = frame(b"\x2a\x0a\x0a\x08\x0a\x01x\x15" + np.float32(2.5).tobytes())
    assert read_tensor(simple).value.tolist() == [2.5]
    tensor = b"\x08\x01\x12\x04\x12\x02\x08\x02\x2a\x08" + np.array([1, 2], "f4").tobytes()
    value = b"\x0a\x01x\x42" + bytes([len(tensor)]) + tensor
    typed = b"\x2a" + bytes([len(value) + 2]) + b"\x0a" + bytes([len(value)]) + value
    assert read_tensor(frame(typed)).value.tolist() == [1.0, 2.0]


def test_a_tensor_that_changed_its_shape_or_type_is_not_taken_for_the_former() -> None:
    decoder = TensorDecoder()
    values = [np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2), np.arange(6).reshape(3, 2), np.ones((3, 2))]
    for value in (*values, *values):
        found = decoder.read(encode(7, "w", value, Mode.TRAIN, 7), "w")
        assert found.name == "w"
        assert found.value.dtype == value.dtype
        np.testing.assert_array_equal(found.value, value)
    assert decoder.read(encode(7, "x", values[0], Mode.TRAIN, 7), "w").name == "x"
    cut = encode(8, "w", values[0], Mode.TRAIN, 8)
    with pytest.raises(WireError):
        decoder.read(cut[:4] + b"\x01" + cut[5:], "w")
