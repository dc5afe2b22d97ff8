"""LowGPUUtilization: a GPU is little used, or now and then not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.rules.profiler.metrics import Sample
from gridwatch_rules.rules.profiler.rule import SystemRule, scan_interval
from gridwatch_rules.rules.profiler.windows import Windows


@dataclass(frozen=True, slots=True)
class LowGPUUtilizationParameters:
    threshold_p95: float = number(70.0, "a GPU is little used when its 95th percentile is below, percent")
    threshold_p5: float = number(10.0, "a GPU's use fluctuates when its 5th percentile is below, percent")
    patience: int = integer(1000, "samples of a GPU to wait for before the first judgement", minimum=0)
    window: int = integer(500, "samples that the percentiles are of", minimum=1)
    scan_interval_us: int = scan_interval()


class LowGPUUtilization(SystemRule):
    """Fires when, after `patience` samples of a GPU, the 95th percentile of its utilization over the last `window` is
    below `threshold_p95` (under-use), or above it while the 5th percentile is below `threshold_p5` (fluctuation, as of
    a GPU that waits for data between bursts). Defaults: Debugger's documentation.
    """

    name = "LowGPUUtilization"
    summary = "a GPU is little used, or its use fluctuates"
    Parameters = LowGPUUtilizationParameters

    parameters: LowGPUUtilizationParameters

    def __init__(self, parameters: LowGPUUtilizationParameters) -> None:
        super().__init__(parameters)
        self._gpu = Windows(parameters.window)

    def looks_for(self) -> str:
        return f"samples of a GPU, more than {self.parameters.patience:,}"

    def take(self, sample: Sample) -> None:
        for gpu, value in sample.gpu.items():
            self._gpu.add(f"{sample.node}/{gpu}", value)

    def judge(self) -> Finding | None:
        for key in self._gpu:
            if self._gpu.count(key) > self.parameters.patience and (found := self._look_at(key)):
                return found
        return None

    def _look_at(self, key: str) -> Finding | None:
        self.judged += 1
        limits = self.parameters
        high, low = self._gpu.percentile(key, 95), self._gpu.percentile(key, 5)
        metric = f"GPUUtilization {key}"
        if high < limits.threshold_p95:
            sentence = f"{key} is little used: below {high:.3g} % in 95 % of the last {limits.window} samples"
            return self.found_now(metric, high, limits.threshold_p95, f"{sentence} (limit {limits.threshold_p95:g} %)")
        if high > limits.threshold_p95 and low < limits.threshold_p5:
            sentence = f"the use of {key} fluctuates: from {low:.3g} % to {high:.3g} % (5th and 95th percentile)"
            return self.found_now(metric, low, limits.threshold_p5, f"{sentence}, limit {limits.threshold_p5:g} %")
        return None

    def save_state(self) -> Any:
        return self._gpu.save()

    def restore_state(self, state: Any) -> None:
        self._gpu.restore(state)
