"""LoadBalancing: some GPUs have more to do than others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.rules.profiler.metrics import Sample
from gridwatch_rules.rules.profiler.rule import SystemRule, scan_interval

_BIN = 2  # width of a bin in percent
_BINS = 100 // _BIN


@dataclass(frozen=True, slots=True)
class LoadBalancingParameters:
    threshold: float = number(0.5, "distance between two GPUs' histograms that is too much", minimum=0, maximum=1)
    patience: int = integer(10, "samples of each GPU to wait for before the first judgement", minimum=0)
    scan_interval_us: int = scan_interval()


class LoadBalancing(SystemRule):
    """Fires when, after `patience` samples of both, the histograms of the utilization (bins 2 percent wide) of two of
    the job's GPUs are further apart than `threshold`.

    The distance is that of Jensen and Shannon with natural logarithms, sqrt((KL(p, m) + KL(q, m)) / 2) with
    m = (p + q) / 2: 0 for equal histograms, sqrt(ln 2) = 0.833 for those that share no bin (Endres and Schindelin,
    "A new metric for probability distributions", IEEE Trans. Inf. Theory 49, 2003). Defaults: Debugger's
    documentation; its smdebug_rulesconfig 1.0.1 says patience 1000, the rule's sources of 2020 threshold 0.2.
    """

    name = "LoadBalancing"
    summary = "the work is spread unevenly over the GPUs"
    Parameters = LoadBalancingParameters

    parameters: LoadBalancingParameters

    def __init__(self, parameters: LoadBalancingParameters) -> None:
        super().__init__(parameters)
        self._histograms: dict[str, list[int]] = {}

    def looks_for(self) -> str:
        return f"samples of two GPUs, more than {self.parameters.patience:,} of each"

    def take(self, sample: Sample) -> None:
        for gpu, value in sample.gpu.items():
            histogram = self._histograms.setdefault(f"{sample.node}/{gpu}", [0] * _BINS)
            histogram[min(max(int(value / _BIN), 0), _BINS - 1)] += 1

    def judge(self) -> Finding | None:
        limit = self.parameters.threshold
        enough = {key: each for key, each in self._histograms.items() if sum(each) > self.parameters.patience}
        self.judged += len(enough) > 1
        furthest = max(
            ((distance(enough[a], enough[b]), a, b) for a, b in combinations(sorted(enough), 2)), default=(0.0, "", "")
        )
        apart, first, second = furthest
        if apart <= limit:
            return None
        return self.found_now(
            f"GPUUtilization {first} {second}",
            apart,
            limit,
            f"{first} and {second} are used differently: {_mean(enough[first]):.3g} % and "
            f"{_mean(enough[second]):.3g} % in the mean, their histograms {apart:.3g} apart (limit {limit:g})",
        )

    def save_state(self) -> Any:
        return self._histograms

    def restore_state(self, state: Any) -> None:
        self._histograms = {key: list(counts) for key, counts in state.items()}


def distance(first: list[int], second: list[int]) -> float:
    """Jensen-Shannon distance of two histograms of counts, natural logarithms."""
    total_first, total_second = sum(first), sum(second)
    divergence = 0.0
    for a, b in zip(first, second, strict=True):
        p, q = a / total_first, b / total_second
        middle = (p + q) / 2
        divergence += sum(each * math.log(each / middle) for each in (p, q) if each)
    return math.sqrt(max(divergence / 2, 0.0))


def _mean(histogram: list[int]) -> float:
    return sum((number + 0.5) * _BIN * count for number, count in enumerate(histogram)) / sum(histogram)
