"""OverallFrameworkMetrics: how the training's time was spent. It is a summary and never fires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.profiler.metrics import Span
from gridwatch_rules.rules.profiler.rule import ProfilerRule, scan_interval


@dataclass(frozen=True, slots=True)
class OverallFrameworkMetricsParameters:
    scan_interval_us: int = scan_interval()


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """The time that all processes together spent in a phase (seconds)."""

    phase: str
    count: int
    total: float
    longest: float

    @property
    def mean(self) -> float:
        return self.total / self.count


class OverallFrameworkMetrics(ProfilerRule):
    """Counts and times each phase of the framework metrics: steps of each mode, data loading. Never fires."""

    name = "OverallFrameworkMetrics"
    summary = "where the training's time went: a summary, never a fault"
    Parameters = OverallFrameworkMetricsParameters

    def __init__(self, parameters: OverallFrameworkMetricsParameters) -> None:
        super().__init__(parameters)
        self._phases: dict[str, list[float]] = {}  # phase -> count, total, longest
        self.first_step: float | None = None  # Unix seconds of the first step's beginning and the last step's end
        self.last_step: float | None = None

    def looks_for(self) -> str:
        return "times of what the training did (framework metrics)"

    def check_span(self, span: Span) -> None:
        self.judged += 1
        count, total, longest = self._phases.get(span.phase, (0, 0.0, 0.0))
        self._phases[span.phase] = [count + 1, total + span.duration, max(longest, span.duration)]
        if span.is_step:
            self.first_step = span.start if self.first_step is None else min(self.first_step, span.start)
            self.last_step = span.time if self.last_step is None else max(self.last_step, span.time)

    def phases(self) -> Iterator[PhaseTime]:
        """Yield the phases, the one with the longest total time first."""
        for phase, (count, total, longest) in sorted(self._phases.items(), key=lambda each: -each[1][1]):
            yield PhaseTime(phase, int(count), total, longest)

    def save(self) -> dict[str, Any]:
        return {"phases": self._phases, "first": self.first_step, "last": self.last_step}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._phases = {phase: list(each) for phase, each in saved["phases"].items()}
        self.first_step, self.last_step = saved["first"], saved["last"]
