"""MemoryCreep: the memory of a training grows steadily."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_LIMITS = {"private_bytes": "memory_limit_bytes", "gpu_allocated_bytes": "gpu_memory_bytes"}
_MIB, _GIB = 2.0**20, 2.0**30
_MOST_POINTS = 64
_PARTS = 3
_GOING_ON = 0.75  # the last part grows at least by this share of what the one before grew
_RISING = 0.7  # of the steps from one point to the next, the share that rises


class _Growth(NamedTuple):
    """The growth from the first part to the last, in bytes and in seconds."""

    first: float
    last: float
    seconds: float


@dataclass(frozen=True, slots=True)
class MemoryCreepParameters:
    least_mib: float = number(100.0, "the growth in MiB that is no issue", minimum=0)
    percent: float = number(10.0, "the growth in percent that is no issue", minimum=0)
    seconds: float = number(30.0, "how long the memory must have grown", minimum=0)
    hours: float = number(24.0, "where the limit is known, the hours within which it must be reached", minimum=0)
    least_points: int = integer(16, "points that a judgement needs", minimum=8, maximum=_MOST_POINTS // 2)
    limit_gib: float | None = number(None, "the memory in GiB that there is, where the job does not save it", minimum=0)


class MemoryCreep(Rule):
    """Fires when the memory that a training's process holds for itself, or has allocated on its GPU, grows steadily.
    The finding says how fast, and when the memory will run out.

    The values, about one a second, become at most 64 points, each the least of its values, because a leak raises what
    is left after the peaks. The first quarter, in which a training fills its caches, is left out, and the rest cut into
    three parts of equal numbers of points. The medians of the parts must rise, the second time by three quarters of the
    first at least (what levels off is no leak); seven of ten points must be above the one before; and the growth from
    the first part to the last must exceed `least_mib`, `percent` and `seconds`. The pace is that growth by its time, a
    form of Theil and Sen's slope by medians (Sen, 1968). Where the limit is known, it must be reached within `hours`.

    Pages of mapped files do not count, since the system takes them back. A data set that is read into memory bit by bit
    looks like a leak until it is there.
    """

    name = "MemoryCreep"
    summary = "the memory of the training grows steadily"
    Parameters = MemoryCreepParameters
    parameters: MemoryCreepParameters
    judged = 0

    def __init__(self, parameters: MemoryCreepParameters) -> None:
        super().__init__(parameters)
        # name -> points (time, bytes), the values of the point under way, and how many values make a point
        self._states: dict[str, dict[str, Any]] = {}

    def requirement(self) -> Requirement:
        return Requirement(patterns=(f"^(?:{'|'.join((*_LIMITS, *_LIMITS.values()))})$",))

    def looks_for(self) -> str:
        return f"{' or '.join(_LIMITS)} at {self.parameters.least_points} or more steps"

    def check(self, view: StepView) -> Finding | None:
        for name in _LIMITS:
            value, at = view.scalar(name), view.logged_at(name)
            if value is None or at is None or not math.isfinite(value):
                continue
            state = self._states.setdefault(name, {"points": [], "open": [], "stride": 1})
            state["open"].append([at.timestamp(), value])
            if len(state["open"]) < state["stride"]:
                continue
            self._add(state)
            found = self._judge(view, name, state["points"])
            if found is not None:
                return found
        return None

    def _add(self, state: dict[str, Any]) -> None:
        """Make a point of the values under way. When there are too many points, every two become one."""
        points = [*state["points"], _least(state["open"])]
        state["open"] = []
        if len(points) >= _MOST_POINTS:
            points = [_least(points[place : place + 2]) for place in range(0, len(points), 2)]
            state["stride"] *= 2
        state["points"] = points

    def _judge(self, view: StepView, name: str, points: Sequence[Sequence[float]]) -> Finding | None:
        if len(points) < self.parameters.least_points:
            return None
        self.judged += 1
        growth = _growth(points[len(points) // 4 :])
        if growth is None or growth.seconds < self.parameters.seconds or growth.seconds <= 0:
            return None
        grown = growth.last - growth.first
        if grown <= max(self.parameters.least_mib * _MIB, self.parameters.percent / 100 * growth.first):
            return None
        pace = grown / growth.seconds
        limit = self.parameters.limit_gib * _GIB if self.parameters.limit_gib else view.scalar(_LIMITS[name])
        left = (limit - points[-1][1]) / pace if limit else None
        if left is not None and left > 3600 * self.parameters.hours:
            return None
        sentence = (
            f"{name} grew steadily from {growth.first / _GIB:.3g} to {growth.last / _GIB:.3g} GiB in "
            f"{_about(growth.seconds)}, by {60 * pace / _MIB:.3g} MiB a minute"
        )
        if limit and left is not None:
            sentence += f"; at this pace all {limit / _GIB:.3g} GiB are used up in {_about(max(left, 0.0))}"
        return self.finding(view, name, points[-1][1], limit, sentence)

    def save(self) -> dict[str, Any]:
        return {"states": self._states}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._states = {name: dict(state) for name, state in saved["states"].items()}


def _least(values: Sequence[Sequence[float]]) -> list[float]:
    at, value = min(values, key=lambda pair: pair[1])
    return [at, value]


def _growth(points: Sequence[Sequence[float]]) -> _Growth | None:
    """The growth of points that rise steadily; None for others."""
    size = len(points) // _PARTS
    parts = [points[len(points) - size * (_PARTS - part) :][:size] for part in range(_PARTS)]
    levels = [median(value for _, value in part) for part in parts]
    first, second = levels[1] - levels[0], levels[2] - levels[1]
    rising = [after[1] > before[1] for before, after in itertools.pairwise(points)]
    if first <= 0 or second < _GOING_ON * first or sum(rising) < _RISING * len(rising):
        return None
    times = [median(at for at, _ in part) for part in (parts[0], parts[-1])]
    return _Growth(levels[0], levels[2], times[1] - times[0])


def _about(seconds: float) -> str:
    """A time that is estimated, no more exact than it is known."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.3g} hours"
