"""A tensor folder in memory, written as smdebug writes it, for tests of the reader and of the rules.

Independent of the reader: the encoding below follows protobuf's encoding guide and TensorFlow's record format, and a
test holds it against files that smdebug wrote.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.source import ByteRange

_TYPES = {
    "f4": 1, "f8": 2, "i4": 3, "u1": 4, "i2": 5, "i1": 6, "c8": 8, "i8": 9, "b1": 10, "u2": 17, "c16": 18, "f2": 19,
    "u4": 22, "u8": 23,
}  # fmt: skip


class MemorySource:
    """A source of objects in a dictionary; `requests` lists what was asked for."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects = dict(objects)
        self.requests: list[str] = []

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Sequence[str]:
        self.requests.append(f"LIST {prefix}")
        return sorted(key for key in self.objects if key.startswith(prefix) and key > after)[:limit]

    def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
        self.requests.extend(f"GET {place.key}" for place in ranges)
        return [self._one(place) for place in ranges]

    def _one(self, place: ByteRange) -> bytes | None:
        data = self.objects.get(place.key)
        if data is None or place.length is None:
            return data
        return data[place.start : place.start + place.length]


class TensorFolder:
    """Collects steps; `source` returns all of them, or those up to a step, as they would have arrived by then."""

    def __init__(self, collections: Mapping[str, Sequence[str]] | None = None, workers: int = 1) -> None:
        self.workers = workers
        self.began = 1.6e9  # Unix seconds at which step 0 is saved
        self.step_seconds = 1.0
        self.objects: dict[str, bytes] = {}
        self._steps: dict[str, int] = {}
        content = {name: {"name": name, "include_regex": list(regex)} for name, regex in (collections or {}).items()}
        for worker in range(workers):
            key = f"collections/000000000/worker_{worker}_collections.json"
            self.objects[key] = json.dumps({"collections": content, "_meta": {"num_workers": workers}}).encode()

    def save(
        self,
        step: int,
        tensors: Mapping[str, Any],
        *,
        worker: str = "worker_0",
        mode: Mode = Mode.GLOBAL,
        mode_step: int | None = None,
        reductions: Mapping[str, Mapping[str, float]] | None = None,
        shapes: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Save a step. `reductions`: tensor to reduction ("mean", "abs_mean") to value. `shapes`: as the index tells
        them.
        """
        named = {name: np.asarray(value) for name, value in tensors.items()}
        for name, values in (reductions or {}).items():
            named |= {f"smdebug/reductions/{kind}/{name}": np.array([value]) for kind, value in values.items()}
        events, payload = f"events/{step:012d}/{step:012d}_{worker}.tfevents", []
        data = b""
        for name, value in named.items():
            at = self.began + step * self.step_seconds
            record = encode(step, name, value, mode, step if mode_step is None else mode_step, at=at)
            payload.append({"tensorname": name, "start_idx": len(data), "length": len(record)})
            data += record
        meta = {"mode": mode.name, "mode_step": step if mode_step is None else mode_step, "event_file_name": events}
        index = f"index/{step // 1000:09d}/{step:012d}_{worker}.json"
        self._put(events, data, step)
        told = [
            {"tensorname": name, "originalname": f"{name}:0", "shape": shape} for name, shape in (shapes or {}).items()
        ]
        self._put(index, json.dumps({"meta": meta, "tensor_payload": payload, "shape_payload": told}).encode(), step)

    def write(self, path: Path) -> None:
        """Write the objects as files below a folder."""
        for key, data in self.objects.items():
            (path / key).parent.mkdir(parents=True, exist_ok=True)
            (path / key).write_bytes(data)

    def end(self) -> None:
        self.objects["training_job_end.ts"] = b""

    def source(self, until: int | None = None) -> MemorySource:
        return MemorySource(
            {key: data for key, data in self.objects.items() if until is None or self._steps.get(key, -1) <= until}
        )

    @property
    def steps(self) -> list[int]:
        return sorted(set(self._steps.values()))

    def _put(self, key: str, data: bytes, step: int) -> None:
        self.objects[key] = data
        self._steps[key] = step


def encode(
    step: int, name: str, value: np.ndarray[Any, Any], mode: Mode, mode_step: int, *, at: float | None = None
) -> bytes:
    """One framed record as smdebug writes it, payload unchecked."""
    shape = b"".join(_bytes(2, _varint_field(1, size) + _bytes(2, f"{name}_{size}".encode())) for size in value.shape)
    if value.dtype.kind == "U":
        tensor = _bytes(2, shape) + b"".join(_bytes(8, str(text).encode()) for text in value)
    else:
        tensor = _varint_field(1, _TYPES[value.dtype.str[1:]]) + _bytes(2, shape) + _bytes(4, value.tobytes())
    plugins = _plugin("mode_step", str(mode_step)) + _plugin("mode", str(mode.value))
    summary = _bytes(1, _bytes(1, name.encode()) + _bytes(8, tensor) + _bytes(9, plugins))
    moment = struct.pack("<d", 1.6e9 + step if at is None else at)
    event = b"\x09" + moment + (_varint_field(2, step) if step else b"") + _bytes(5, summary)
    return frame(event, b"0x12345678")


def frame(payload: bytes, checked: bytes | None = None) -> bytes:
    """A TFRecord. `checked`: the bytes that the checksum covers, in place of the payload."""
    header = struct.pack("<Q", len(payload))
    covered = payload if checked is None else checked
    return header + struct.pack("<I", _masked(header)) + payload + struct.pack("<I", _masked(covered))


def _plugin(name: str, content: str) -> bytes:
    return _bytes(1, _bytes(1, name.encode()) + _bytes(2, content.encode()))


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _masked(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
