"""A clock that a test moves, a machine whose counters it sets, and a place for files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from gridwatch_hook.profiler.machine import Counters, GpuReading

BEGAN = 1_795_219_200.0  # 2026-11-21 00:00:00 UTC


class MovedClock:
    def __init__(self) -> None:
        self.passed = 0.0

    def wall(self) -> float:
        return BEGAN + self.passed

    def monotonic(self) -> float:
        return 50.0 + self.passed


@dataclass
class Machine:
    """Gives out readings one after the other; what is an exception is raised."""

    readings: list[Counters | Exception]

    def read(self) -> Counters:
        reading = self.readings.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading


@dataclass
class Gpus:
    now: list[GpuReading] = field(default_factory=list)
    closed: bool = False

    def read(self) -> list[GpuReading]:
        return self.now

    def close(self) -> None:
        self.closed = True


@dataclass
class Folder:
    """Files by key, in the order in which they were put."""

    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, body: bytes) -> None:
        assert key not in self.files, "a file is written once"
        self.files[key] = body

    def events(self, key: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[key].splitlines()]
