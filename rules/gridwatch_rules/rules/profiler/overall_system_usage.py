"""OverallSystemUsage: how much of each node was used. It is a summary and never fires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.profiler.metrics import Sample
from gridwatch_rules.rules.profiler.rule import ProfilerRule, scan_interval

_METRICS = ("CPU", "I/O wait", "memory", "GPU", "GPU memory")


@dataclass(frozen=True, slots=True)
class OverallSystemUsageParameters:
    scan_interval_us: int = scan_interval()


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of one metric on one node, in whole percent. Percentiles are those of a histogram of these."""

    node: str
    metric: str
    samples: int
    mean: float
    minimum: float
    p50: float
    p95: float
    p99: float
    maximum: float


@dataclass(slots=True)
class _Series:
    """A histogram with a count for each percent, so that it does not grow with the job as the values would."""

    counts: dict[int, int]
    total: float
    minimum: float
    maximum: float

    def add(self, value: float) -> None:
        point = round(value)
        self.counts[point] = self.counts.get(point, 0) + 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)

    def percentile(self, percent: float) -> float:
        """The percentile, by the nearest rank."""
        rank = percent / 100 * sum(self.counts.values())
        seen = 0
        for point in sorted(self.counts):
            seen += self.counts[point]
            if seen >= rank:
                return float(point)
        return self.maximum


class OverallSystemUsage(ProfilerRule):
    """Percentiles of what each node used of its CPU (mean of the cores), memory, GPUs and their memory (mean of the
    GPUs), and waited for I/O (mean of the cores). Never fires.
    """

    name = "OverallSystemUsage"
    summary = "how much of each node was used: a summary, never a fault"
    Parameters = OverallSystemUsageParameters

    def __init__(self, parameters: OverallSystemUsageParameters) -> None:
        super().__init__(parameters)
        self._series: dict[str, dict[str, _Series]] = {}
        self.began: float | None = None  # Unix seconds of the first and last sample
        self.ended: float | None = None
        self.cores: dict[str, int] = {}

    def looks_for(self) -> str:
        return "samples of a machine (system metrics)"

    def check_sample(self, sample: Sample) -> None:
        self.began = sample.time if self.began is None else self.began
        self.ended = sample.time
        self.cores[sample.node] = max(self.cores.get(sample.node, 0), len(sample.cpu))
        for metric, values in zip(_METRICS, _values(sample), strict=True):
            if values:
                series = self._series.setdefault(sample.node, {})
                if metric not in series:
                    series[metric] = _Series({}, 0.0, float("inf"), float("-inf"))
                self.judged += 1
                series[metric].add(sum(values) / len(values))

    def usage(self) -> Iterator[Usage]:
        """Yield the usage so far, by node and metric."""
        for node in sorted(self._series):
            for metric in filter(self._series[node].__contains__, _METRICS):
                series = self._series[node][metric]
                samples = sum(series.counts.values())
                yield Usage(
                    node=node,
                    metric=metric,
                    samples=samples,
                    mean=series.total / samples,
                    minimum=series.minimum,
                    p50=series.percentile(50),
                    p95=series.percentile(95),
                    p99=series.percentile(99),
                    maximum=series.maximum,
                )

    def save(self) -> dict[str, Any]:
        series = {
            node: {
                metric: [sorted(each.counts.items()), each.total, each.minimum, each.maximum]
                for metric, each in metrics.items()
            }
            for node, metrics in self._series.items()
        }
        return {"began": self.began, "ended": self.ended, "cores": self.cores, "series": series}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.began, self.ended, self.cores = saved["began"], saved["ended"], dict(saved["cores"])
        self._series = {
            node: {metric: _Series(dict(counts), *rest) for metric, (counts, *rest) in metrics.items()}
            for node, metrics in saved["series"].items()
        }


def _values(sample: Sample) -> tuple[list[float], ...]:
    """The values of a sample in the order of _METRICS."""
    memory = [] if sample.memory is None else [sample.memory]
    of_maps = [list(each.values()) for each in (sample.cpu, sample.io_wait, sample.gpu, sample.gpu_memory)]
    return of_maps[0], of_maps[1], memory, of_maps[2], of_maps[3]
