"""What the machine says, as counters, and what two readings of them make."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from gridwatch_hook.profiler.gpu import NvmlReader, SmiReader, parse_smi
from gridwatch_hook.profiler.machine import Change, CoreTimes, Counters, GpuReading, gpu_metrics
from gridwatch_hook.profiler.proc import ProcReader, parse_cores, parse_disks, parse_memory, parse_network
from gridwatch_hook.profiler.with_psutil import PsutilReader

STAT = """cpu  300 20 100 900 40 5 5 30 7 0
cpu0 100 10 50 450 20 5 5 10 7 0
cpu1 200 10 50 450 20 0 0 20 0 0
intr 12345 0 0
ctxt 99
"""
DISKS = """   7       0 loop0 9 0 99 0 9 0 99 0 0 0 0
 259       0 nvme0n1 100 0 2000 50 40 0 800 60 0 70 110
 259       1 nvme0n1p1 90 0 1900 50 40 0 800 60 0 70 110
   8       0 sda 1 0 8 0 2 0 16 0 0 0 0 0 0 0 0 0 0
 253       0 dm-0 100 0 2000 50 40 0 800 60 0 70 110
"""
NETWORK = """Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo: 12367080 53338 0 0 0 0 0 0 12367080 53338 0 0 0 0 0 0
  eth0:1000  10 0 0 0 0 0 0 200 20 0 0 0 0 0 0
  eth1: 30  10 0 0 0 0 0 0 4 20 0 0 0 0 0 0
"""


def test_cores() -> None:
    found = parse_cores(STAT)
    # user nice system irq softirq steal are busy; guest is already in user
    assert found["cpu0"] == CoreTimes(busy=180, io_wait=20, total=650)
    assert found["cpu1"] == CoreTimes(busy=280, io_wait=20, total=750)
    assert list(found) == ["cpu0", "cpu1"]


def test_memory() -> None:
    assert parse_memory("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 250 kB\n") == 75.0
    assert parse_memory("MemTotal: 1000 kB\n") is None


def test_disks_are_counted_once() -> None:
    """Neither partitions nor devices made of other devices."""
    names = {"loop0", "nvme0n1", "sda", "dm-0"}
    assert parse_disks(DISKS, names) == (143, 2008 * 512, 816 * 512)


def test_network_without_the_loopback() -> None:
    assert parse_network(NETWORK) == (1030, 204)


def test_a_reading_from_files(tmp_path: Path) -> None:
    for name, text in {"stat": STAT, "diskstats": DISKS, "meminfo": "MemTotal: 4 kB\nMemAvailable: 1 kB\n"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "net").mkdir()
    (tmp_path / "net/dev").write_text(NETWORK)
    (tmp_path / "block/sda").mkdir(parents=True)
    found = ProcReader(tmp_path, tmp_path / "block").read()
    assert (found.memory_percent, found.disk_operations, found.received, found.sent) == (75.0, 3, 1030, 204)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_this_machine() -> None:
    found = ProcReader().read()
    assert "cpu0" in found.cores
    assert 0 < (found.memory_percent or 0) < 100


def test_change() -> None:
    former = Counters({"cpu0": CoreTimes(100, 10, 1000)}, 20.0, 10, 1000, 2000, 100, 50)
    now = Counters({"cpu0": CoreTimes(130, 20, 1050), "cpu1": CoreTimes(1, 1, 2)}, 25.0, 14, 3000, 2000, 400, 40)
    change = Change()
    assert [each.name for each in change.metrics(former, 10.0)] == ["MemoryUsedPercent"]
    found = {(each.name, each.dimension): each.value for each in change.metrics(now, 12.0)}
    assert found == {
        ("MemoryUsedPercent", ""): 25.0,
        ("cpu0", "CPUUtilization"): 60.0,
        ("cpu0", "I/OWaitPercentage"): 20.0,
        ("IOPS", ""): 2.0,
        ("ReadThroughputInBytesPerSecond", ""): 1000.0,
        ("WriteThroughputInBytesPerSecond", ""): 0.0,
        ("ReceiveBytesPerSecond", "Algorithm"): 150.0,
        ("TransmitBytesPerSecond", "Algorithm"): 0.0,  # went backwards: reset
    }


def test_a_core_whose_clock_stands_still_says_nothing() -> None:
    same = Counters({"cpu0": CoreTimes(100, 10, 1000)})
    change = Change()
    list(change.metrics(same, 1.0))
    assert not [each for each in change.metrics(same, 1.01) if each.type == "cpu"]


def test_psutil() -> None:
    times = namedtuple("times", "user nice system idle iowait guest guest_nice")
    module = SimpleNamespace(
        cpu_times=lambda percpu: [times(30.0, 0.0, 10.0, 50.0, 10.0, 5.0, 0.0)],
        disk_io_counters=lambda: None,
        net_io_counters=lambda pernic: {
            "lo0": SimpleNamespace(bytes_recv=9, bytes_sent=9), "en0": SimpleNamespace(bytes_recv=5, bytes_sent=6)
        },
        virtual_memory=lambda: SimpleNamespace(percent=42.0),
    )  # fmt: skip
    found = PsutilReader(module).read()
    assert found == Counters({"cpu0": CoreTimes(40.0, 10.0, 100.0)}, 42.0, 0, 0, 0, 5, 6)


def test_nvml() -> None:
    shut: list[bool] = []
    module = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda device: SimpleNamespace(used=device + 1, total=4),
        nvmlDeviceGetUtilizationRates=lambda device: SimpleNamespace(gpu=10 * device, memory=99),
        nvmlShutdown=lambda: shut.append(True),
    )
    reader = NvmlReader.create(module)
    assert reader.read() == [GpuReading(0.0, 25.0), GpuReading(10.0, 50.0)]
    reader.close()
    assert shut


def test_what_nvidia_smi_prints() -> None:
    assert parse_smi("1, 35, 512, 2048\n") == (1, GpuReading(35.0, 25.0))
    assert parse_smi("0, [N/A], 512, 2048") is None
    assert parse_smi("Unable to determine the device handle") is None


def test_following_nvidia_smi(tmp_path: Path) -> None:
    command = tmp_path / "nvidia-smi"
    lines = "echo '1, 7, 1, 2'; echo '0, 5, 1, 4'; echo nonsense"
    # It closes its output and then stays, so that the test knows when everything was read.
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{lines}\nexec sleep 60 >&-\n')
    command.chmod(0o755)
    reader = SmiReader.create(str(command), 500)
    reader._thread.join(10)
    assert reader._process.poll() is None
    assert reader.read() == [GpuReading(5.0, 25.0), GpuReading(7.0, 50.0)]
    reader.close()
    assert reader._process.returncode is not None
    assert "--loop-ms=500" in (tmp_path / "asked").read_text()


def test_gpus_as_metrics() -> None:
    found = [(each.type, each.name, each.dimension, each.value) for each in gpu_metrics([GpuReading(5.0, 25.0)])]
    assert found == [("gpu", "gpu0", "GPUUtilization", 5.0), ("gpu", "gpu0", "GPUMemoryUtilization", 25.0)]
