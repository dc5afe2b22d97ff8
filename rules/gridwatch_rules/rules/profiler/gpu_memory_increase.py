"""GPUMemoryIncrease: a GPU's memory fills up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, text
from gridwatch_rules.rules.profiler.metrics import Sample
from gridwatch_rules.rules.profiler.rule import SystemRule, scan_interval
from gridwatch_rules.rules.profiler.windows import Windows


@dataclass(frozen=True, slots=True)
class GPUMemoryIncreaseParameters:
    increase: float = number(10.0, "percentage points by which the mean may rise", minimum=0)
    patience: int = integer(100, "samples of a GPU to wait for before the first judgement", minimum=0)
    window: int = integer(500, "samples that are averaged", minimum=1)
    compare_with: str = text(
        "previous_window",
        "the mean to compare with: of the window before, or of the window that ends one sample earlier",
        choices=("previous_window", "previous_sample"),
    )
    scan_interval_us: int = scan_interval()


class GPUMemoryIncrease(SystemRule):
    """Fires when, after `patience` samples of a GPU, the mean of its memory (percent) over the last `window` samples is
    more than `increase` percentage points above a former mean.

    The rule's sources of 2020 compare with the mean that ends one sample earlier. With the documented parameters that
    can never fire: one sample moves a mean over 500 by 0.2 points at most. So the former mean is that of the window
    before; `compare_with=previous_sample` is the other reading. Defaults: Debugger's documentation; its
    smdebug_rulesconfig 1.0.1 says increase 5, patience 1000, window 10.
    """

    name = "GPUMemoryIncrease"
    summary = "the memory of a GPU fills up"
    Parameters = GPUMemoryIncreaseParameters

    parameters: GPUMemoryIncreaseParameters

    def __init__(self, parameters: GPUMemoryIncreaseParameters) -> None:
        super().__init__(parameters)
        self._shift = parameters.window if parameters.compare_with == "previous_window" else 1
        self._memory = Windows(parameters.window + self._shift)

    def looks_for(self) -> str:
        least = max(self.parameters.patience + 1, self.parameters.window + self._shift)
        return f"samples of a GPU's memory, at least {least:,}"

    def take(self, sample: Sample) -> None:
        for gpu, value in sample.gpu_memory.items():
            self._memory.add(f"{sample.node}/{gpu}", value)

    def judge(self) -> Finding | None:
        limits = self.parameters
        for key in self._memory:
            values = self._memory.values(key)
            if self._memory.count(key) <= limits.patience or len(values) < limits.window + self._shift:
                continue
            self.judged += 1
            former = sum(values[: limits.window]) / limits.window
            latter = sum(values[-limits.window :]) / limits.window
            if latter - former > limits.increase:
                return self.found_now(
                    f"GPUMemoryUtilization {key}",
                    latter - former,
                    limits.increase,
                    f"the memory of {key} rose by {latter - former:.3g} percentage points, from {former:.3g} % to "
                    f"{latter:.3g} % (means over {limits.window} samples, limit {limits.increase:g})",
                )
        return None

    def save_state(self) -> Any:
        return self._memory.save()

    def restore_state(self, state: Any) -> None:
        self._memory.restore(state)
