"""Writes scalars as a tensor folder, for values that come from a job's log instead of a hook.

The files are those that gridwatch_rules.tensors.reader and smdebug read (gridwatch_rules.tensors.wire names the
formats). Equal steps give equal bytes under equal keys, so that writing them twice, even at the same time, changes
nothing.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch_rules.tensors.checksum import bytes_towards, masked_crc32c, registers_after
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.seal import sealed

WORKER = "worker_0"
_FLOAT64 = 2  # types.proto, DT_DOUBLE
_ONE_VALUE = b"\x12\x04\x12\x02\x08\x01"  # TensorProto.tensor_shape: one dimension, of size 1
# smdebug expects the checksum of a constant in place of a payload's own. As in the hook's records, each payload ends in
# a field of four bytes that make its own checksum equal to the constant's, so that damage shows
# (gridwatch_rules.tensors.wire).
_CONSTANT = b"0x12345678"
_FOOTER = struct.pack("<I", masked_crc32c(_CONSTANT))
_CONSTANT_REGISTER = registers_after([_CONSTANT])[0]
_BALANCE_TAG = b"\x7d"  # field 15, four bytes


@dataclass(frozen=True, slots=True)
class ScalarStep:
    """The scalars of one global step. `logged_at` is in seconds since 1970."""

    step: int
    logged_at: float
    values: Mapping[str, float] = field(default_factory=dict)


def collections_file(collections: Mapping[str, Sequence[str]]) -> tuple[str, bytes]:
    """The key and content of the file that lists the tensors of each collection."""
    document = {
        "collections": {name: {"name": name, "tensor_names": sorted(names)} for name, names in collections.items()},
        "_meta": {"num_workers": 1},
    }
    return f"collections/000000000/{WORKER}_collections.json", sealed(json.dumps(document).encode(), depth=2)


def scalar_files(steps: Sequence[ScalarStep]) -> list[tuple[str, bytes]]:
    """The keys and contents of files for steps (at least one, increasing), in the order of writing."""
    first, last = steps[0].step, steps[-1].step
    # The name has both the first and the last step, so that of two writers, one of which has read more lines, neither
    # truncates the other's file.
    events_key = f"events/{first:012d}/{first:012d}-{last:012d}_{WORKER}.tfevents"
    events, entries = bytearray(), []
    for each in steps:
        payload = []
        for name, value in each.values.items():
            record = _record(each, name, value)
            payload.append({"tensorname": name, "start_idx": len(events), "length": len(record)})
            events += record
        meta = {"mode": Mode.GLOBAL.name, "mode_step": each.step, "event_file_name": events_key}
        entries.append({"step": each.step, "meta": meta, "tensor_payload": payload})
    index: dict[str, Any] = {**entries[-1], "earlier": entries[:-1]}
    index_key = f"index/{last // 1000:09d}/{last:012d}_{WORKER}.json"
    return [(events_key, bytes(events)), (index_key, sealed(json.dumps(index, separators=(",", ":")).encode()))]


def _record(step: ScalarStep, name: str, value: float) -> bytes:
    tensor = _varint_field(1, _FLOAT64) + _ONE_VALUE + _bytes(4, struct.pack("<d", value))
    plugins = _plugin("mode_step", str(step.step)) + _plugin("mode", str(Mode.GLOBAL.value))
    summary = _bytes(1, _bytes(1, name.encode()) + _bytes(8, tensor) + _bytes(9, plugins))
    wall_time = b"\x09" + struct.pack("<d", step.logged_at)
    event = wall_time + _varint_field(2, step.step) + _bytes(5, summary) + _BALANCE_TAG
    event += bytes_towards(registers_after([event])[0], _CONSTANT_REGISTER)
    length = struct.pack("<Q", len(event))
    return length + struct.pack("<I", masked_crc32c(length)) + event + _FOOTER


def _plugin(name: str, content: str) -> bytes:
    return _bytes(1, _bytes(1, name.encode()) + _bytes(2, content.encode()))


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
