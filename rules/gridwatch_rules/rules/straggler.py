"""Straggler: one rank is slower than the others, and all wait for it."""

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
from gridwatch_rules.rules.training_numbers import DATA_WAIT_SECONDS, OWN_SECONDS
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class StragglerParameters:
    window: int = integer(10, "steps of a block, whose medians are compared", minimum=3)
    factor: float = number(1.5, "how many times the others' time a rank may need", minimum=1)
    share_percent: float = number(
        90.0, "steps of a block in which the rank must be the slowest of all, in percent", minimum=0, maximum=100
    )
    least_seconds: float = number(0.02, "seconds that a rank may be slower in each step in any case", minimum=0)
    seconds: float = number(2.0, "seconds in all that the others must have waited", minimum=0)


class Straggler(Rule):
    """Fires when one rank needed more than `factor` times as long for its own work as the other ranks, and was the
    slowest in `share_percent` of the steps, in two blocks of steps or more in a row, and the others have waited
    `seconds` for it.

    Ranks that average their gradients make their steps at the same time, so their steps' times are equal. What tells
    them apart is the time from a step's end to its backward passes (`own_seconds`: data, forward pass, and what the
    script does besides), in which nobody waits for another rank; evaluations and checkpoints do not count. A rank's
    time is the median over a block of `window` steps, and the others' the median of theirs. The first block does not
    count. Comparing ranks by the time outside of their collective operations follows Lin et al., "Understanding
    Stragglers in Large Model Training Using What-if Analysis" (2025).

    It sees what keeps a rank's Python thread busy, not a GPU that is slow by itself. Where parameters are gathered in
    the forward pass (FSDP), ranks wait there too, and nobody stands out.
    """

    name = "Straggler"
    summary = "one rank is slower than the others, and all wait for it"
    Parameters = StragglerParameters
    parameters: StragglerParameters
    judged = 0

    def __init__(self, parameters: StragglerParameters) -> None:
        super().__init__(parameters)
        self._own: dict[str, list[float]] = {}  # by worker, the times of the block's steps
        self._data: dict[str, list[float]] = {}  # of them, the time waiting for data
        self._steps = 0
        self._warm = False
        self._slowest = ""  # the worker that stood out in the block before, with the steps and seconds since
        self._since = 0
        self._waited = 0.0

    def requirement(self) -> Requirement:
        return Requirement(patterns=(f"^(?:{OWN_SECONDS}|{DATA_WAIT_SECONDS})$",), all_workers=True)

    def looks_for(self) -> str:
        return f"{OWN_SECONDS} of two or more ranks at {2 * self.parameters.window} steps"

    def check(self, view: StepView) -> Finding | None:
        if not view.has(OWN_SECONDS) or len(view.workers_of(OWN_SECONDS)) < 2:
            return None
        own = _numbers(view, OWN_SECONDS)
        if self._own and own.keys() != self._own.keys():
            if own.keys() < self._own.keys():
                return None  # a rank saved no times of this step
            self._begin()
        for worker, value in own.items():
            self._own.setdefault(worker, []).append(value)
        for worker, value in _numbers(view, DATA_WAIT_SECONDS).items():
            self._data.setdefault(worker, []).append(value)
        self._steps += 1
        if self._steps < self.parameters.window:
            return None
        found = self._judge(view) if self._warm else None
        self._warm = True
        self._begin()
        return found

    def _begin(self) -> None:
        self._own, self._data, self._steps = {}, {}, 0

    def _judge(self, view: StepView) -> Finding | None:
        self.judged += 1
        times = {worker: median(values) for worker, values in self._own.items()}
        slowest = max(times, key=lambda worker: times[worker])
        others = median(value for worker, value in times.items() if worker != slowest)
        lag = times[slowest] - others
        small = times[slowest] <= self.parameters.factor * others or lag <= self.parameters.least_seconds
        if small or self._slowest_steps(slowest) < self.parameters.share_percent / 100 * self._steps:
            self._slowest, self._since, self._waited = "", 0, 0.0
            return None
        if slowest != self._slowest:
            self._slowest, self._since, self._waited = slowest, 0, 0.0
        self._since += self._steps
        self._waited += lag * self._steps
        if self._since < 2 * self.parameters.window or self._waited < self.parameters.seconds:
            return None
        rank = slowest.rpartition("_")[2]
        share = sum(self._data.get(slowest, ())) / (sum(self._own[slowest]) or 1.0)
        cause = f", {100 * min(share, 1.0):.0f} % of it waiting for data" if share > 0.1 else ""
        sentence = (
            f"rank {rank} needs {times[slowest]:.3g} s in each step for its own work{cause}, the "
            f"other{'s' if len(times) > 2 else ''} {others:.3g} s: over {counted(self._since, 'step')} they waited "
            f"{self._waited:.3g} s for it (limit {self.parameters.factor:g} times)"
        )
        limit = self.parameters.factor * others
        return self.finding(view, OWN_SECONDS, times[slowest], limit, sentence)

    def _slowest_steps(self, worker: str) -> int:
        """The number of the block's steps in which the worker was the slowest."""
        own = self._own[worker]
        others = [values for each, values in self._own.items() if each != worker]
        return sum(all(value > other[step] for other in others) for step, value in enumerate(own))

    def save(self) -> dict[str, Any]:
        return {
            "own": self._own,
            "data": self._data,
            "steps": self._steps,
            "warm": self._warm,
            "slowest": [self._slowest, self._since, self._waited],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._own = {worker: list(values) for worker, values in saved["own"].items()}
        self._data = {worker: list(values) for worker, values in saved["data"].items()}
        self._steps, self._warm = int(saved["steps"]), bool(saved["warm"])
        self._slowest, self._since, self._waited = saved["slowest"]


def _numbers(view: StepView, name: str) -> dict[str, float]:
    found = {worker: float(value.reshape(-1)[0]) for worker, value in view.values(name).items() if value.size == 1}
    return {worker: value for worker, value in found.items() if math.isfinite(value)}
