"""DataStarvation: the training waits for its data most of the time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.training_numbers import DATA_WAIT_SECONDS, STEP_SECONDS
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_BLOCKS_KEPT = 2_000  # steps of a block, whatever their time


@dataclass(frozen=True, slots=True)
class DataStarvationParameters:
    warm_up: int = integer(10, "first steps that do not count, in which a loader starts its workers", minimum=0)
    window: int = integer(30, "steps of a block at least", minimum=5)
    seconds: float = number(5.0, "seconds of a block at least", minimum=0)
    share_percent: float = number(50.0, "the share of its time that it may wait for data", minimum=0, maximum=100)
    least_seconds: float = number(0.02, "seconds that a step may wait for data in any case", minimum=0)


class DataStarvation(Rule):
    """Fires when the training waited for data during more than `share_percent` of the time of a block of steps.

    A block has `window` steps and lasts `seconds` seconds. It starves when the sum of the waits is beyond the share of
    the sum of the steps' times, when more than half of its steps are beyond it too, and when the median wait is longer
    than `least_seconds`. So neither an epoch's first batch, for which a loader starts its workers anew, nor a tiny
    model whose step is as short as the making of its batch is an issue. Waits are what
    the hook measures in PyTorch's loader. The formula is the share of time that a device waits for input in Mohan et
    al., "Analyzing and Mitigating Data Stalls in DNN Training" (2021); the limits are our own.
    """

    name = "DataStarvation"
    summary = "the training waits for its data most of the time"
    Parameters = DataStarvationParameters
    parameters: DataStarvationParameters
    judged = 0

    def __init__(self, parameters: DataStarvationParameters) -> None:
        super().__init__(parameters)
        self._seen = 0
        self._seconds = 0.0
        self._waits: list[float] = []
        self._shares: list[float] = []

    def requirement(self) -> Requirement:
        return Requirement(patterns=(f"^(?:{DATA_WAIT_SECONDS}|{STEP_SECONDS})$",))

    def looks_for(self) -> str:
        steps = self.parameters.warm_up + self.parameters.window
        return f"{DATA_WAIT_SECONDS} and {STEP_SECONDS} at {steps:,} steps that last {self.parameters.seconds:g} s"

    def check(self, view: StepView) -> Finding | None:
        wait, seconds = view.scalar(DATA_WAIT_SECONDS), view.scalar(STEP_SECONDS)
        if wait is None or seconds is None or not math.isfinite(wait + seconds) or seconds <= 0:
            return None
        self._seen += 1
        if self._seen <= self.parameters.warm_up:
            return None
        self._seconds += seconds
        self._waits.append(wait)
        self._shares.append(wait / seconds)
        short = self._seconds < self.parameters.seconds and len(self._waits) < _BLOCKS_KEPT
        if len(self._waits) < self.parameters.window or short:
            return None
        found = self._judge(view)
        self._seconds, self._waits, self._shares = 0.0, [], []
        return found

    def _judge(self, view: StepView) -> Finding | None:
        self.judged += 1
        share, limit = 100 * sum(self._waits) / self._seconds, self.parameters.share_percent
        wait = median(self._waits)
        if share <= limit or 100 * median(self._shares) <= limit or wait <= self.parameters.least_seconds:
            return None
        steps = counted(len(self._waits), "step")
        sentence = (
            f"in the last {steps} the training waited for data during {share:.3g} % of its time, {wait:.3g} s in each "
            f"step of {self._seconds / len(self._waits):.3g} s (limit {limit:g} %)"
        )
        return self.finding(view, DATA_WAIT_SECONDS, share, limit, sentence)

    def save(self) -> dict[str, Any]:
        return {"seen": self._seen, "seconds": self._seconds, "waits": self._waits, "shares": self._shares}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._seen, self._seconds = int(saved["seen"]), float(saved["seconds"])
        self._waits, self._shares = list(saved["waits"]), list(saved["shares"])
