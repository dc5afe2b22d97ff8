"""Reads the machine's counters through psutil, where there is no /proc."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gridwatch_hook.profiler.machine import CoreTimes, Counters


class PsutilReader:
    """Reads the counters through `psutil`, which is the imported module."""

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil

    @classmethod
    def open(cls) -> PsutilReader | None:
        """A reader, or None where psutil, an optional package, is not installed."""
        try:
            return cls(import_module("psutil"))
        except ImportError:
            return None

    def read(self) -> Counters:
        disk = self._psutil.disk_io_counters()  # None on a machine without disks
        network = self._psutil.net_io_counters(pernic=True)
        outside = [each for name, each in network.items() if not name.startswith("lo")]
        return Counters(
            cores={f"cpu{number}": _core(times) for number, times in enumerate(self._psutil.cpu_times(percpu=True))},
            memory_percent=float(self._psutil.virtual_memory().percent),
            disk_operations=disk.read_count + disk.write_count if disk else 0,
            disk_read=disk.read_bytes if disk else 0,
            disk_written=disk.write_bytes if disk else 0,
            received=sum(each.bytes_recv for each in outside),
            sent=sum(each.bytes_sent for each in outside),
        )


def _core(times: Any) -> CoreTimes:
    io_wait = getattr(times, "iowait", 0.0)
    # Guest times are part of user and nice.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return CoreTimes(busy=total - times.idle - io_wait, io_wait=io_wait, total=total)
