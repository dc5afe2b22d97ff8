"""BatchSize: neither the CPU nor a GPU has much to do, so the batches are too small for the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.rules.profiler.metrics import Sample
from gridwatch_rules.rules.profiler.rule import SystemRule, scan_interval
from gridwatch_rules.rules.profiler.windows import Windows


@dataclass(frozen=True, slots=True)
class BatchSizeParameters:
    cpu_threshold_p95: float = number(70.0, "the CPU is little used when its 95th percentile is below, percent")
    gpu_threshold_p95: float = number(70.0, "a GPU is little used when its 95th percentile is below, percent")
    gpu_memory_threshold_p95: float = number(
        70.0, "GPU memory is little used when its 95th percentile is below, percent"
    )
    patience: int = integer(100, "samples of a node to wait for before the first judgement", minimum=0)
    window: int = integer(500, "samples that the percentiles are of", minimum=1)
    scan_interval_us: int = scan_interval()


class BatchSize(SystemRule):
    """Fires when, on a node with more than `window` and `patience` samples, the 95th percentiles over the last `window`
    of the CPU (mean of its cores) and of some GPU and that GPU's memory are all below their thresholds.

    Defaults: Debugger's documentation; its smdebug_rulesconfig 1.0.1 says patience 1000.
    """

    name = "BatchSize"
    summary = "CPU, GPU and GPU memory are all little used: the batches are too small"
    Parameters = BatchSizeParameters

    parameters: BatchSizeParameters

    def __init__(self, parameters: BatchSizeParameters) -> None:
        super().__init__(parameters)
        self._cpu = Windows(parameters.window)
        self._gpu = Windows(parameters.window)
        self._memory = Windows(parameters.window)

    def looks_for(self) -> str:
        return f"samples of a GPU, more than {max(self.parameters.window, self.parameters.patience):,} of one node"

    def take(self, sample: Sample) -> None:
        if sample.cpu:
            self._cpu.add(sample.node, sum(sample.cpu.values()) / len(sample.cpu))
        for gpu, value in sample.gpu.items():
            self._gpu.add(f"{sample.node}/{gpu}", value)
        for gpu, value in sample.gpu_memory.items():
            self._memory.add(f"{sample.node}/{gpu}", value)

    def judge(self) -> Finding | None:
        limits = self.parameters
        for key in self._gpu:
            node = key.partition("/")[0]
            enough = self._cpu.count(node) > max(limits.window, limits.patience)
            if not enough or not self._memory.count(key):
                continue
            self.judged += 1
            cpu, gpu = self._cpu.percentile(node, 95), self._gpu.percentile(key, 95)
            memory = self._memory.percentile(key, 95)
            if (
                cpu < limits.cpu_threshold_p95
                and gpu < limits.gpu_threshold_p95
                and memory < limits.gpu_memory_threshold_p95
            ):
                return self.found_now(
                    f"GPUUtilization {key}",
                    gpu,
                    limits.gpu_threshold_p95,
                    f"95 % of the last {limits.window} samples used at most {gpu:.3g} % of {key}, {memory:.3g} % of "
                    f"its memory and {cpu:.3g} % of the CPU (limits {limits.gpu_threshold_p95:g}, "
                    f"{limits.gpu_memory_threshold_p95:g} and {limits.cpu_threshold_p95:g} %)",
                )
        return None

    def save_state(self) -> dict[str, Any]:
        return {"cpu": self._cpu.save(), "gpu": self._gpu.save(), "memory": self._memory.save()}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        self._cpu.restore(state["cpu"])
        self._gpu.restore(state["gpu"])
        self._memory.restore(state["memory"])
