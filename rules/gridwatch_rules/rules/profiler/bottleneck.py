"""CPUBottleneck and IOBottleneck: a GPU is idle while the CPU, or the disk, is busy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.rules.profiler.metrics import Sample
from gridwatch_rules.rules.profiler.rule import SystemRule, scan_interval


@dataclass(frozen=True, slots=True)
class CPUBottleneckParameters:
    threshold: float = number(
        50.0, "share of samples with a bottleneck that is too much, percent", minimum=0, maximum=100
    )
    gpu_threshold: float = number(10.0, "a GPU is idle below, percent")
    cpu_threshold: float = number(90.0, "a core is busy above, percent")
    patience: int = integer(100, "samples of a node to wait for before the first judgement", minimum=0)
    scan_interval_us: int = scan_interval()


@dataclass(frozen=True, slots=True)
class IOBottleneckParameters:
    threshold: float = number(
        50.0, "share of samples with a bottleneck that is too much, percent", minimum=0, maximum=100
    )
    gpu_threshold: float = number(70.0, "a GPU is idle below, percent")
    io_threshold: float = number(50.0, "a core waits for I/O above, percent of its time")
    patience: int = integer(1000, "samples of a node to wait for before the first judgement", minimum=0)
    scan_interval_us: int = scan_interval()


class _Bottleneck(SystemRule):
    """The base of both rules. It counts for each node its samples, and those in which a GPU is idle while a core is
    busy or waits.
    """

    @property
    @abstractmethod
    def cause(self) -> str:
        """The cause of the bottleneck, for the sentence of the finding."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        self._samples: dict[str, int] = {}
        self._bottlenecks: dict[str, int] = {}

    def looks_for(self) -> str:
        return f"samples of a GPU, more than {self.parameters.patience:,} of one node"

    @abstractmethod
    def held_up(self, sample: Sample) -> bool:
        """Whether some core is busy, or waits, by more than the threshold."""

    def take(self, sample: Sample) -> None:
        if not sample.gpu:
            return
        self._samples[sample.node] = self._samples.get(sample.node, 0) + 1
        if min(sample.gpu.values()) < self.parameters.gpu_threshold and self.held_up(sample):
            self._bottlenecks[sample.node] = self._bottlenecks.get(sample.node, 0) + 1

    def judge(self) -> Finding | None:
        limits = self.parameters
        for node, total in self._samples.items():
            bottlenecks = self._bottlenecks.get(node, 0)
            self.judged += total > limits.patience
            share = 100.0 * bottlenecks / total
            if total > limits.patience and share > limits.threshold:
                return self.found_now(
                    f"GPUUtilization {node}",
                    share,
                    limits.threshold,
                    f"in {share:.3g} % of {total} samples of {node} (limit {limits.threshold:g} %) a GPU was used "
                    f"below {limits.gpu_threshold:g} % {self.cause}",
                )
        return None

    def save_state(self) -> dict[str, Any]:
        return {"samples": self._samples, "bottlenecks": self._bottlenecks}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        self._samples = dict(state["samples"])
        self._bottlenecks = dict(state["bottlenecks"])


class CPUBottleneck(_Bottleneck):
    """Fires when, after `patience` samples of a node, the share of its samples in which some GPU is below
    `gpu_threshold` and some core above `cpu_threshold` exceeds `threshold` percent.

    Never fires without a GPU. Defaults: Debugger's documentation; its smdebug_rulesconfig 1.0.1 says patience 1000.
    """

    name = "CPUBottleneck"
    summary = "GPUs wait while the CPU is busy"
    Parameters = CPUBottleneckParameters

    parameters: CPUBottleneckParameters

    @property
    def cause(self) -> str:
        return f"while a core was used above {self.parameters.cpu_threshold:g} %"

    def held_up(self, sample: Sample) -> bool:
        return max(sample.cpu.values(), default=0.0) > self.parameters.cpu_threshold


class IOBottleneck(_Bottleneck):
    """Fires as CPUBottleneck does, but for some core's I/O wait above `io_threshold`.

    Never fires without a GPU. Defaults: Debugger's documentation; its smdebug_rulesconfig 1.0.1 says gpu_threshold 10.
    """

    name = "IOBottleneck"
    summary = "GPUs wait while data are read or written"
    Parameters = IOBottleneckParameters

    parameters: IOBottleneckParameters

    @property
    def cause(self) -> str:
        return f"while a core waited for I/O above {self.parameters.io_threshold:g} % of its time"

    def held_up(self, sample: Sample) -> bool:
        return max(sample.io_wait.values(), default=0.0) > self.parameters.io_threshold
