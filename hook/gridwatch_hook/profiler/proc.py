"""Reads the machine's counters from Linux's /proc, without any library."""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

from gridwatch_hook.profiler.machine import CoreTimes, Counters

_SECTOR = 512  # bytes; /proc/diskstats counts in these whatever the size of the device's own sectors
_VIRTUAL_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")  # dm and md repeat the counts of their disks


class ProcReader:
    """Reads the counters below `proc` (/proc), and takes the names of whole disks from `blocks` (/sys/block)."""

    def __init__(self, proc: Path = Path("/proc"), blocks: Path = Path("/sys/block")) -> None:
        self._stat = str(proc / "stat")
        self._memory = str(proc / "meminfo")
        self._disks = str(proc / "diskstats")
        self._network = str(proc / "net/dev")
        self._blocks = str(blocks)

    def read(self) -> Counters:
        operations, read, written = parse_disks(_text(self._disks), _disk_names(self._blocks))
        received, sent = parse_network(_text(self._network))
        return Counters(
            cores=parse_cores(_text(self._stat)),
            memory_percent=parse_memory(_text(self._memory)),
            disk_operations=operations,
            disk_read=read,
            disk_written=written,
            received=received,
            sent=sent,
        )


def parse_cores(text: str) -> dict[str, CoreTimes]:
    """Parse /proc/stat by core. As in psutil, waiting for I/O does not count as busy, and time stolen by other guests
    does.
    """
    cores = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if not name.startswith("cpu"):
            break  # the cores come first, and what follows can be long
        if name == "cpu":
            continue
        # user nice system idle iowait irq softirq steal; guest times, which follow, are part of user and nice
        times = [int(number) for number in rest.split()[:8]]
        total = sum(times)
        cores[name] = CoreTimes(busy=total - times[3] - times[4], io_wait=times[4], total=total)
    return cores


def parse_memory(text: str) -> float | None:
    """Parse /proc/meminfo: the percentage of memory that is neither free nor can be freed at once."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            found[name] = int(rest.split()[0])
    if "MemTotal" not in found or "MemAvailable" not in found:
        return None
    return 100.0 * (1.0 - found["MemAvailable"] / found["MemTotal"])


def parse_disks(text: str, disks: Container[str]) -> tuple[int, int, int]:
    """Parse /proc/diskstats: operations, bytes read and bytes written of whole disks."""
    operations = read = written = 0
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 10 and fields[2] in disks and not fields[2].startswith(_VIRTUAL_DISKS):
            operations += int(fields[3]) + int(fields[7])
            read += int(fields[5]) * _SECTOR
            written += int(fields[9]) * _SECTOR
    return operations, read, written


def parse_network(text: str) -> tuple[int, int]:
    """Parse /proc/net/dev: bytes received and sent by all interfaces but the loopback."""
    received = sent = 0
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon and name.strip() != "lo":
            fields = rest.split()
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent


def _disk_names(blocks: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(blocks))  # noqa: PTH208  (names are wanted, not paths)
    except OSError:
        return frozenset()


def _text(path: str) -> str:
    with open(path) as file:  # noqa: PTH123  (read twice a second in somebody's training: no objects that are not needed)
        return file.read()
