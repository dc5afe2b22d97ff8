"""StepOutlier: some steps take much longer than the others."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, text
from gridwatch_rules.rules.profiler.metrics import Span
from gridwatch_rules.rules.profiler.rule import ProfilerRule, scan_interval
from gridwatch_rules.tensors.modes import Mode

_ENOUGH_STEPS = 100


@dataclass(frozen=True, slots=True)
class StepOutlierParameters:
    stddev: float = number(5.0, "standard deviations above the mean from which on a step is an outlier", minimum=0)
    mode: str | None = text(
        None, "the mode whose steps are looked at (all when not given)", choices=tuple(Mode.__members__)
    )
    n_outliers: int = integer(10, "outliers that are allowed", minimum=0)
    scan_interval_us: int = scan_interval()


@dataclass(slots=True)
class _Durations:
    """The moments of all durations, and the longest few durations, which suffice to tell whether there are too many
    outliers.
    """

    count: int
    mean: float
    squares: float  # sum of squared differences from the mean (Welford)
    longest: list[float]  # a heap

    def add(self, duration: float, keep: int) -> None:
        self.count += 1
        difference = duration - self.mean
        self.mean += difference / self.count
        self.squares += difference * (duration - self.mean)
        push = heapq.heappush if len(self.longest) < keep else heapq.heappushpop
        push(self.longest, duration)

    @property
    def stddev(self) -> float:
        return math.sqrt(self.squares / self.count)


class StepOutlier(ProfilerRule):
    """Fires when of more than 100 steps of one mode on one node more than `n_outliers` took longer than the mean plus
    `stddev` standard deviations of all of them.

    Looked at after every step. Defaults: Debugger's documentation, whose table gives `mode` the default "5 minutes",
    an error; the rule's sources of 2020 say stddev 3.
    """

    name = "StepOutlier"
    summary = "some steps take much longer than the others"
    Parameters = StepOutlierParameters

    parameters: StepOutlierParameters

    def __init__(self, parameters: StepOutlierParameters) -> None:
        super().__init__(parameters)
        self._durations: dict[str, _Durations] = {}

    def looks_for(self) -> str:
        mode = f" of mode {self.parameters.mode}" if self.parameters.mode else " of one mode"
        return f"the times of more than {max(_ENOUGH_STEPS, self.parameters.n_outliers):,} steps{mode} on one node"

    def check_span(self, span: Span) -> Finding | None:
        if not span.is_step or self.parameters.mode not in (None, span.mode):
            return None
        keep = self.parameters.n_outliers + 1
        key = f"{span.node}/{span.phase}"
        found = self._durations.setdefault(key, _Durations(0, 0.0, 0.0, []))
        found.add(span.duration, keep)
        if found.count <= _ENOUGH_STEPS or len(found.longest) < keep:
            return None
        self.judged += 1
        limit = found.mean + self.parameters.stddev * found.stddev
        # If the shortest of the n + 1 longest is an outlier, there are more than n outliers.
        if found.longest[0] <= limit:
            return None
        return Finding(
            rule=self.name,
            step=span.step or 0,
            mode=Mode[span.mode] if span.mode in Mode.__members__ else Mode.GLOBAL,
            tensor=key,
            observed=found.longest[0],
            threshold=limit,
            sentence=f"more than {self.parameters.n_outliers} of {found.count} steps ({span.phase} on {span.node}) "
            f"took longer than {limit:.3g} s, {self.parameters.stddev:g} standard deviations above the mean of "
            f"{found.mean:.3g} s; the longest took {max(found.longest):.3g} s",
        )

    def save(self) -> dict[str, Any]:
        return {key: [each.count, each.mean, each.squares, each.longest] for key, each in self._durations.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._durations = {
            key: _Durations(int(count), mean, squares, list(longest))
            for key, (count, mean, squares, longest) in saved.items()
        }
