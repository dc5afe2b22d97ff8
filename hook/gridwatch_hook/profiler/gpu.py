"""Reads NVIDIA GPUs through NVML's Python binding, or through nvidia-smi where the binding is not installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from importlib import import_module
from typing import IO, Any

from gridwatch_hook.profiler.machine import GpuReader, GpuReading

_QUERY = "index,utilization.gpu,memory.used,memory.total"


class NvmlReader:
    """Reads GPUs through NVML. `nvml` is the module pynvml, initialized; `devices` are its handles."""

    def __init__(self, nvml: Any, devices: list[Any]) -> None:
        self._nvml = nvml
        self._devices = devices

    @classmethod
    def create(cls, nvml: Any) -> NvmlReader:
        """Initialize NVML. Raises the module's NVMLError where there is no driver."""
        nvml.nvmlInit()
        return cls(nvml, [nvml.nvmlDeviceGetHandleByIndex(each) for each in range(nvml.nvmlDeviceGetCount())])

    def read(self) -> list[GpuReading]:
        return [self._reading(device) for device in self._devices]

    def close(self) -> None:
        self._nvml.nvmlShutdown()

    def _reading(self, device: Any) -> GpuReading:
        memory = self._nvml.nvmlDeviceGetMemoryInfo(device)
        busy = self._nvml.nvmlDeviceGetUtilizationRates(device).gpu
        return GpuReading(utilization=float(busy), memory=100.0 * memory.used / memory.total)


class SmiReader:
    """Reads GPUs from one nvidia-smi process that keeps printing. Starting one for each sample would cost more than all
    other sampling.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._latest: dict[int, GpuReading] = {}
        self._thread = threading.Thread(target=self._follow, args=(process.stdout,), name="gridwatch-gpu", daemon=True)

    @classmethod
    def create(cls, command: str, interval_ms: int) -> SmiReader:
        """Start the command. Raises OSError when it cannot be started."""
        arguments = [command, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits", f"--loop-ms={interval_ms}"]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        reader = cls(process)
        reader._thread.start()
        return reader

    def read(self) -> list[GpuReading]:
        latest = dict(self._latest)
        return [latest[index] for index in sorted(latest)]

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(2.0)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _follow(self, lines: IO[str]) -> None:
        for line in lines:
            parsed = parse_smi(line)
            if parsed is not None:
                index, reading = parsed
                self._latest[index] = reading


def parse_smi(line: str) -> tuple[int, GpuReading] | None:
    """Parse one line of nvidia-smi's output. Returns None where it says that a value is not available."""
    try:
        index, busy, used, total = (part.strip() for part in line.split(","))
        return int(index), GpuReading(utilization=float(busy), memory=100.0 * float(used) / float(total))
    except (ValueError, ZeroDivisionError):
        return None


def open_gpus(interval_ms: int) -> GpuReader | None:
    """The reader for this machine's GPUs; None where there are none, or no way to ask."""
    try:
        return NvmlReader.create(import_module("pynvml"))  # an optional package, used where it is installed
    except Exception:  # noqa: BLE001, S110  (not installed, no driver, a driver too old: then the command, if there is one)
        pass
    command = shutil.which("nvidia-smi")
    if command is not None:
        with contextlib.suppress(OSError):
            return SmiReader.create(command, interval_ms)
    return None
