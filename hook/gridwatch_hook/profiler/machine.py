"""Readings of the machine's counters, and the metrics that two readings give for the time between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CoreTimes:
    """The times that one core has spent since the machine started. All three are in the same unit, which may be any."""

    busy: float
    io_wait: float
    total: float


@dataclass(frozen=True, slots=True)
class Counters:
    """One reading of the machine: counters since it started, and the memory in use now (percent)."""

    cores: Mapping[str, CoreTimes]
    memory_percent: float | None = None
    disk_operations: int = 0
    disk_read: int = 0  # bytes
    disk_written: int = 0  # bytes
    received: int = 0  # bytes
    sent: int = 0  # bytes


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One reading of a GPU: its utilization and the share of its memory in use, both in percent."""

    utilization: float
    memory: float


@dataclass(frozen=True, slots=True)
class Metric:
    """One value, named as in Debugger's system metrics."""

    type: str
    name: str
    dimension: str
    value: float

    def as_event(self, node: str, timestamp: float) -> dict[str, Any]:
        """The metric as one of Debugger's events; `timestamp` is in Unix seconds."""
        return {
            "Type": self.type,
            "Name": self.name,
            "Dimension": self.dimension,
            "NodeId": node,
            "Timestamp": timestamp,
            "Value": round(self.value, 2),
        }


class CounterReader(Protocol):
    """Reads the machine's counters. Raises OSError, or an exception of its library, when it cannot."""

    def read(self) -> Counters: ...


class GpuReader(Protocol):
    """Reads the GPUs, in their order. The list is empty until the first reading is available."""

    def read(self) -> list[GpuReading]: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Change:
    """Turns successive readings into metrics. The first reading yields only the metrics that need no comparison."""

    _former: Counters | None = field(default=None)
    _at: float = 0.0

    def metrics(self, now: Counters, at: float) -> Iterator[Metric]:
        """The metrics of the reading `now`, which was made at `at` (monotonic seconds)."""
        former, seconds = self._former, at - self._at
        self._former, self._at = now, at
        if now.memory_percent is not None:
            yield Metric("memory", "MemoryUsedPercent", "", now.memory_percent)
        if former is None or seconds <= 0:
            return
        yield from _cores(former, now)
        yield Metric("i/o", "IOPS", "", _rate(former.disk_operations, now.disk_operations, seconds))
        yield Metric("i/o", "ReadThroughputInBytesPerSecond", "", _rate(former.disk_read, now.disk_read, seconds))
        yield Metric(
            "i/o", "WriteThroughputInBytesPerSecond", "", _rate(former.disk_written, now.disk_written, seconds)
        )
        yield Metric("network", "ReceiveBytesPerSecond", "Algorithm", _rate(former.received, now.received, seconds))
        yield Metric("network", "TransmitBytesPerSecond", "Algorithm", _rate(former.sent, now.sent, seconds))


def gpu_metrics(readings: list[GpuReading]) -> Iterator[Metric]:
    """The metrics of GPUs gpu0, gpu1, …"""
    for number, reading in enumerate(readings):
        yield Metric("gpu", f"gpu{number}", "GPUUtilization", reading.utilization)
        yield Metric("gpu", f"gpu{number}", "GPUMemoryUtilization", reading.memory)


def _cores(former: Counters, now: Counters) -> Iterator[Metric]:
    for name, core in now.cores.items():
        before = former.cores.get(name)
        # A core's times do not change between two readings closer than their tick (10 ms), so nothing is known then.
        if before is None or (total := core.total - before.total) <= 0:
            continue
        yield Metric("cpu", name, "CPUUtilization", _percent(core.busy - before.busy, total))
        yield Metric("cpu", name, "I/OWaitPercentage", _percent(core.io_wait - before.io_wait, total))


def _percent(part: float, whole: float) -> float:
    return min(max(100.0 * part / whole, 0.0), 100.0)


def _rate(before: int, after: int, seconds: float) -> float:
    # A counter that went backwards was reset: a device came or went.
    return max(after - before, 0) / seconds
