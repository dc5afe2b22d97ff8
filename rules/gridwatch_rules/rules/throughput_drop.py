"""ThroughputDrop: the training has become much slower than it was."""

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
from gridwatch_rules.rules.training_numbers import STEP_SECONDS
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

# Rates before times: of batches that differ in length, the rate is the steadier one.
_RATES = ("tokens_per_second", "samples_per_second")
_LEAST_BLOCKS = 2  # blocks that a judgement needs beside the first, in which things warm up, and the one judged
_MOST_BLOCKS = 128
_NEW = 1.2  # a slow block is slower than every block before by so much


@dataclass(frozen=True, slots=True)
class ThroughputDropParameters:
    window: int = integer(30, "steps of a block, whose median is compared", minimum=3)
    factor: float = number(2.0, "how many times slower a block may be than the former ones", minimum=1.1)
    seconds: float = number(5.0, "how long the training must have been that slow, in seconds of its steps", minimum=0)


class ThroughputDrop(Rule):
    """Fires when the training's steps have been more than `factor` times slower than before, for `seconds` seconds.

    Steps are taken in blocks of `window`, without the first block, in which workers start and kernels are compiled. A
    block's pace is the median of its steps: by tokens or by samples where their rates are saved at each step, else by
    the steps' time. A block is slow when its pace is more than `factor` times the median of all former blocks, and 1.2
    times as slow as each of them: what a training has done before is not a drop. Medians leave out single slow steps (a
    checkpoint, a pause), and the hook takes evaluations and checkpoints that it sees out of the steps' times. Slow
    blocks in a row add up to `seconds`. A median withstands outliers in up to half of the values (Hampel, "The
    Influence Curve and its Role in Robust Estimation", 1974); the limits are our own.
    """

    name = "ThroughputDrop"
    summary = "the training has become much slower than it was"
    Parameters = ThroughputDropParameters
    parameters: ThroughputDropParameters
    judged = 0

    def __init__(self, parameters: ThroughputDropParameters) -> None:
        super().__init__(parameters)
        self._by = ""  # the number by which the current block is measured
        self._block: list[float] = []  # seconds for a step, a sample or a token
        self._block_seconds = 0.0
        self._blocks: list[float] | None = None  # medians of former blocks; None before the first is over
        self._slow: list[float] = []  # medians of slow blocks in a row
        self._slow_seconds = 0.0
        self._slow_from = 0

    def requirement(self) -> Requirement:
        return Requirement(patterns=(f"^(?:{'|'.join((*_RATES, STEP_SECONDS))})$",))

    def looks_for(self) -> str:
        steps = self.parameters.window * (_LEAST_BLOCKS + 2)
        return f"{STEP_SECONDS}, {' or '.join(_RATES)} at {steps:,} steps"

    def check(self, view: StepView) -> Finding | None:
        found = {name: value for name in view.names(self.required) if (value := _positive(view, name)) is not None}
        by = next((name for name in (*_RATES, STEP_SECONDS) if name in found), "")
        if not by:
            return None
        if by != self._by:
            if self._by in found:
                by = self._by
            else:
                self._begin(by)
        self._block.append(found[by] if by == STEP_SECONDS else 1 / found[by])
        self._block_seconds += found.get(STEP_SECONDS, 0.0)
        if len(self._block) < self.parameters.window:
            return None
        pace, seconds = median(self._block), self._block_seconds
        self._block, self._block_seconds = [], 0.0
        return self._judge(view, pace, seconds)

    def _begin(self, by: str) -> None:
        """Another number is saved from here on, which is compared with its own former values only."""
        self._by, self._blocks, self._block, self._block_seconds = by, None, [], 0.0
        self._slow, self._slow_seconds = [], 0.0

    def _judge(self, view: StepView, pace: float, seconds: float) -> Finding | None:
        if self._blocks is None:
            self._blocks = []
            return None
        if len(self._blocks) >= _LEAST_BLOCKS:
            self.judged += 1
            usual = median(self._blocks)
            if pace > max(self.parameters.factor * usual, _NEW * max(self._blocks)):
                return self._note_slow(view, pace, seconds, usual)
        self._blocks = [*self._blocks, *self._slow, pace][-_MOST_BLOCKS:]
        self._slow, self._slow_seconds = [], 0.0
        return None

    def _note_slow(self, view: StepView, pace: float, seconds: float, usual: float) -> Finding | None:
        if not self._slow:
            self._slow_from = view.step
        self._slow.append(pace)
        # Where only a rate is saved, nobody knows how long the steps took; two slow blocks then suffice.
        self._slow_seconds += seconds or self.parameters.seconds / 2
        if self._slow_seconds < self.parameters.seconds:
            return None
        now = median(self._slow)
        steps = counted(len(self._slow) * self.parameters.window, "step")
        if self._by == STEP_SECONDS:
            observed, usually, what = now, usual, f"steps take {now:.3g} s, before {usual:.3g} s"
        else:
            observed, usually = 1 / now, 1 / usual
            what = f"{self._by} is {observed:.4g}, before {usually:.4g}"
        sentence = f"{what}: {now / usual:.3g} times slower for {steps} (limit {self.parameters.factor:g} times)"
        limit = usually * self.parameters.factor if self._by == STEP_SECONDS else usually / self.parameters.factor
        return self.finding(view, self._by, observed, limit, sentence)

    def save(self) -> dict[str, Any]:
        return {
            "by": self._by,
            "block": self._block,
            "block_seconds": self._block_seconds,
            "blocks": self._blocks,
            "slow": self._slow,
            "slow_seconds": self._slow_seconds,
            "slow_from": self._slow_from,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._by, self._block = str(saved["by"]), list(saved["block"])
        self._block_seconds = float(saved["block_seconds"])
        self._blocks = None if saved["blocks"] is None else list(saved["blocks"])
        self._slow, self._slow_seconds = list(saved["slow"]), float(saved["slow_seconds"])
        self._slow_from = int(saved["slow_from"])


def _positive(view: StepView, name: str) -> float | None:
    value = view.scalar(name)
    return value if value is not None and math.isfinite(value) and value > 0 else None
