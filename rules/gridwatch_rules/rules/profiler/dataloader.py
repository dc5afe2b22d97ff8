"""Dataloader: too few processes load data for the cores there are, or too many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import number
from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.rule import ProfilerRule, scan_interval
from gridwatch_rules.rules.profiler.windows import percentile
from gridwatch_rules.tensors.modes import Mode

_WORKER = "DataLoaderWorker"


@dataclass(frozen=True, slots=True)
class DataloaderParameters:
    min_threshold: float = number(70.0, "fewer processes than this percentage of the cores are too few", minimum=0)
    max_threshold: float = number(200.0, "more processes than this percentage of the cores are too many", minimum=0)
    scan_interval_us: int = scan_interval()


class Dataloader(ProfilerRule):
    """Fires when the median number of data-loading processes that work at the same time is below `min_threshold` or
    above `max_threshold` percent of the node's cores.

    The processes are PyTorch's, one span (DataLoaderWorker) each for as long as an iterator lives. Spans that overlap
    count together, as one number; the median is of these numbers, and is looked at when such a group is over, at the
    latest at the end of the job. Not in Debugger's documentation: defaults are those of its smdebug_rulesconfig 1.0.1.
    """

    name = "Dataloader"
    summary = "too few or too many processes load data"
    Parameters = DataloaderParameters

    parameters: DataloaderParameters

    def __init__(self, parameters: DataloaderParameters) -> None:
        super().__init__(parameters)
        self._cores: dict[str, int] = {}
        self._open: dict[str, list[tuple[float, float]]] = {}  # start and end of spans in unfinished groups
        self._groups: dict[str, list[int]] = {}  # number of simultaneous processes in each group that is over

    def looks_for(self) -> str:
        return "processes that load data (PyTorch's DataLoader with workers), and samples of the CPU"

    def check_sample(self, sample: Sample) -> None:
        self._cores[sample.node] = max(self._cores.get(sample.node, 0), len(sample.cpu))

    def check_span(self, span: Span) -> Finding | None:
        if _WORKER not in (span.phase, span.name):
            return None
        group = self._open.setdefault(span.node, [])
        over = bool(group) and span.start >= max(end for _, end in group)
        if over:
            self._close(span.node)
        self._open[span.node].append((span.start, span.time))
        return self._judge(span.node) if over else None

    def conclude(self) -> Finding | None:
        for node in [node for node, group in self._open.items() if group]:
            self._close(node)
            if finding := self._judge(node):
                return finding
        return None

    def _close(self, node: str) -> None:
        self._groups.setdefault(node, []).append(_at_the_same_time(self._open[node]))
        self._open[node] = []

    def _judge(self, node: str) -> Finding | None:
        cores = self._cores.get(node)
        if not cores:
            return None
        self.judged += 1
        processes = percentile(self._groups[node], 50)
        share = 100.0 * processes / cores
        limits = self.parameters
        if limits.min_threshold <= share <= limits.max_threshold:
            return None
        few = share < limits.min_threshold
        limit = limits.min_threshold if few else limits.max_threshold
        return Finding(
            rule=self.name,
            step=0,
            mode=Mode.GLOBAL,
            tensor=f"{_WORKER} {node}",
            observed=share,
            threshold=limit,
            sentence=f"{processes:g} processes load data on {node} with its {cores} cores: {share:.3g} %, "
            f"{'fewer' if few else 'more'} than {limit:g} %",
        )

    def save(self) -> dict[str, Any]:
        return {"cores": self._cores, "open": self._open, "groups": self._groups}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._cores = dict(saved["cores"])
        self._open = {node: [(start, end) for start, end in group] for node, group in saved["open"].items()}
        self._groups = {node: list(counts) for node, counts in saved["groups"].items()}


def _at_the_same_time(spans: list[tuple[float, float]]) -> int:
    """The largest number of spans that overlap at any time."""
    changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most
