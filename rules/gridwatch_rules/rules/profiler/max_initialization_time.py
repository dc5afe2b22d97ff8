"""MaxInitializationTime: the training does not get to its first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import number
from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.rule import SystemRule, scan_interval


@dataclass(frozen=True, slots=True)
class MaxInitializationTimeParameters:
    threshold: float = number(20.0, "minutes that the first step may take to begin", minimum=0)
    scan_interval_us: int = scan_interval()


class MaxInitializationTime(SystemRule):
    """Fires when no training step began within `threshold` minutes of the first sample of system metrics.

    Needs framework metrics from the first step on: where none are written it fires for every job that is long enough,
    as Debugger's did. Steps of mode EVAL and PREDICT do not count. Default: Debugger's documentation.
    """

    name = "MaxInitializationTime"
    summary = "the first training step is long in coming"
    Parameters = MaxInitializationTimeParameters

    parameters: MaxInitializationTimeParameters

    def __init__(self, parameters: MaxInitializationTimeParameters) -> None:
        super().__init__(parameters)
        self._began: float | None = None
        self._first_step: float | None = None

    def looks_for(self) -> str:
        limit = self.parameters.threshold
        return f"the time of the first training step, or more than {limit:g} minutes without one"

    def take(self, sample: Sample) -> None:
        self._began = sample.time if self._began is None else self._began

    def check_span(self, span: Span) -> None:
        if span.mode in ("TRAIN", "GLOBAL"):
            self._first_step = span.start if self._first_step is None else min(self._first_step, span.start)

    def judge(self) -> Finding | None:
        assert self._began is not None
        assert self._last is not None
        minutes = (self._last[1] - self._began) / 60
        deadline = self._began + self.parameters.threshold * 60
        self.judged += minutes > self.parameters.threshold or self._first_step is not None
        if minutes <= self.parameters.threshold or (self._first_step is not None and self._first_step <= deadline):
            return None
        limit = self.parameters.threshold
        sentence = f"no training step began within {limit:g} minutes; {minutes:.3g} have passed"
        return self.found_now("Step", minutes, limit, sentence)

    def save_state(self) -> Any:
        return [self._began, self._first_step]

    def restore_state(self, state: Any) -> None:
        self._began, self._first_step = state
