"""The summary of a profile as data: times, use of the machine, rules, and advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.profiler.overall_framework_metrics import PhaseTime
from gridwatch_rules.rules.profiler.overall_system_usage import Usage

_LITTLE = 50.0  # percent at the 95th percentile below which half the machine would suffice
_LONG_INITIALIZATION = 0.2  # share of the job's time

_ADVICE: Mapping[str, str] = {
    "BatchSize": "Use larger batches, or an instance with a smaller GPU.",
    "CPUBottleneck": "Give data preparation more cores: more loader processes, more cores per GPU, or prepare once.",
    "IOBottleneck": "Bring the data nearer: Fast File or FSx for Lustre, fewer and larger files, prefetching.",
    "GPUMemoryIncrease": "Look for tensors that are kept from step to step; the job may run out of GPU memory.",
    "LoadBalancing": "Spread the batches evenly over the GPUs, or use fewer of them.",
    "LowGPUUtilization": "Use larger batches or fewer, smaller GPUs; if the use fluctuates, prefetch data.",
    "MaxInitializationTime": "Shorten what comes before the first step: loading of data, compilation, start-up.",
    "StepOutlier": "Look at what happens in the long steps: checkpoints, evaluation, slow reads of data.",
    "Dataloader": "Set the number of loader processes nearer to the number of cores.",
}


@dataclass(frozen=True, slots=True)
class Times:
    """The seconds before the first training step, during all steps, and after the last. Without steps everything is
    `before`.
    """

    before: float
    steps: float
    after: float

    @classmethod
    def create(
        cls, began: float | None, first_step: float | None, last_step: float | None, ended: float | None
    ) -> Times | None:
        """Compute the times from Unix seconds. Returns None when nothing was sampled."""
        if began is None or ended is None:
            return None
        first = ended if first_step is None else max(first_step, began)
        last = first if last_step is None else max(last_step, first)
        return cls(first - began, last - first, max(ended - last, 0.0))

    @property
    def total(self) -> float:
        return self.before + self.steps + self.after


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """A rule's number of triggers, and its last sentence."""

    name: str
    summary: str
    triggered: int
    sentence: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """The complete results of ProfilerReport."""

    times: Times | None
    usage: tuple[Usage, ...]
    phases: tuple[PhaseTime, ...]
    rules: tuple[RuleSummary, ...]
    samples: int
    spans: int

    def recommendations(self) -> Iterator[tuple[str, str]]:
        """Yield pairs of a reason and a recommendation."""
        for rule in self.rules:
            if rule.triggered:
                yield f"{rule.name}: {rule.sentence}", _ADVICE[rule.name]
        yield from self._machine_too_large()
        times = self.times
        if times and times.steps and times.before > _LONG_INITIALIZATION * times.total:
            share = 100 * times.before / times.total
            yield f"{share:.3g} % of the time passed before the first step", _ADVICE["MaxInitializationTime"]

    def _machine_too_large(self) -> Iterator[tuple[str, str]]:
        by_node: dict[str, dict[str, float]] = {}
        for each in self.usage:
            by_node.setdefault(each.node, {})[each.metric] = each.p95
        for node, p95 in by_node.items():
            if "GPU" not in p95 and p95.get("CPU", 100.0) < _LITTLE and p95.get("memory", 100.0) < _LITTLE:
                used = f"{p95['CPU']:.3g} % of the CPU and {p95['memory']:.3g} % of the memory"
                yield f"95 % of the samples of {node} used at most {used}", "Use a smaller instance, or more threads."
