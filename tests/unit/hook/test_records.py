"""Records, read back by Gridwatch's own reader and checked as smdebug and TensorBoard check them."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from gridwatch_hook.arrays import UnsupportedValueError, to_array
from gridwatch_hook.batch import SavedStep, encode_together
from gridwatch_hook.delivery import LARGEST_BATCH
from gridwatch_hook.modes import Mode
from gridwatch_hook.records import StepEncoder, frame, varint
from gridwatch_rules.tensors.checksum import masked_crc32c
from gridwatch_rules.tensors.decoding import read_tensor
from gridwatch_rules.tensors.flushes import index_record_length
from gridwatch_rules.tensors.index import LARGEST_INDEX


def record_of(value: Any, name: str = "loss", step: int = 7) -> bytes:
    (record,) = frame([StepEncoder(step, 1_700_000_000.5, Mode.TRAIN, 3).event(name, to_array(value))])
    return record


@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1), np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, -1], dtype=np.int64),
        np.array([[True, False]]), np.array([1.5], dtype=np.float16), np.array([1 + 2j]), np.zeros((0, 3)),
        np.array(2.5), np.array([7], dtype=np.uint8), np.arange(100_000, dtype=np.float64), np.int32(5),
    ],
)  # fmt: skip
def test_arrays_come_back_as_they_were(value: Any) -> None:
    read = read_tensor(record_of(value)).value
    expected = np.atleast_1d(value) if np.isscalar(value) else np.asarray(value)
    np.testing.assert_array_equal(read, expected)
    assert read.dtype == expected.dtype
    assert read.shape == expected.shape


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.array([-5], dtype=np.int8), np.int32),  # smdebug's reader takes int8 for uint8
        (np.array([65535], dtype=np.uint16), np.int32),
        (np.array([2**32 - 1], dtype=np.uint32), np.int64),
        (np.array([2**63 - 1], dtype=np.uint64), np.int64),
        (np.array([2**64 - 1], dtype=np.uint64), np.float64),
        (np.array([1j], dtype=np.complex64), np.complex128),
        (np.array([1.0], dtype=">f8"), np.float64),
    ],
)
def test_types_that_smdebug_misreads_are_widened(value: Any, dtype: type[np.generic]) -> None:
    read = read_tensor(record_of(value)).value
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, value.astype(dtype))


def test_text_comes_back() -> None:
    assert read_tensor(record_of(["Leaf", "f0", "größe"])).value.tolist() == ["Leaf", "f0", "größe"]
    assert read_tensor(record_of("binary:logistic")).value.tolist() == ["binary:logistic"]


@pytest.mark.parametrize("value", [0.5, np.arange(5_000, dtype=np.float64), "text"])
def test_one_checksum_is_the_payloads_own_and_smdebugs_constant(value: Any) -> None:
    record = record_of(value)
    length, length_crc = struct.unpack("<QI", record[:12])
    payload, (payload_crc,) = record[12:-4], struct.unpack("<I", record[-4:])
    assert len(payload) == length
    assert length_crc == masked_crc32c(record[:8])
    assert payload_crc == masked_crc32c(payload)
    assert payload_crc == masked_crc32c(b"0x12345678")


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(UnsupportedValueError, match="object"):
        to_array(object())


def test_later_changes_do_not_reach_what_was_saved() -> None:
    weights = np.zeros(3)
    saved = to_array(weights)
    weights += 1
    assert saved.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("value", "expected"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_varint(value: int, expected: bytes) -> None:
    assert varint(value) == expected


@pytest.mark.parametrize(
    ("steps", "names"), [(70_000, ["loss"]), (300, [f"{place}-{'layer' * 30}" for place in range(200)])]
)
def test_what_a_batch_holds_at_most_has_an_index_that_readers_take(steps: int, names: list[str]) -> None:
    """Each look at a job may find hundreds of thousands of values: a batch is cut before its index is too large."""
    saved, size = [], 0
    while size < LARGEST_BATCH and len(saved) < steps:
        step = SavedStep(len(saved), Mode.TRAIN, len(saved), 1.0)
        for name in names:
            step.add(name, to_array(0.5))
        saved.append(step)
        size += step.size
    assert size >= LARGEST_BATCH or len(saved) == steps
    batch = encode_together(saved, "worker_0", -1)
    length = index_record_length(batch.events_key, batch.events[:16])
    assert length is not None
    assert length < LARGEST_INDEX
