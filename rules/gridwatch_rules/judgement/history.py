"""What the trials of an experiment have reported so far: all that a rule across trials may look at.

Values are kept as losses: of a metric that is better when higher the negative, so that lower is better everywhere.
Nothing here needs numpy.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# A running trial becomes known, and known anew, at each of so many parts of its training.
PARTS = 16

_REPORT = struct.Struct("<fd")  # resource, value
REPORT_BYTES = _REPORT.size


class Statistic(StrEnum):
    """What of a curve is compared at a resource: the value reported there, the best or the mean of all until there."""

    VALUE = "value"
    BEST = "best"
    MEAN = "mean"


class Ending(StrEnum):
    """How a trial stands. Only a trial that trained to its own end is `COMPLETED`."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class Curve:
    """One trial's reports in the order of their resource: `values` as losses (inf when not finite), with the running
    `bests` and `means` (the mean of what is finite; inf before anything was).

    `planned` is the resource of the whole training, None when nobody knows it; `index` counts trials by their first
    sight, from 0.
    """

    __slots__ = ("_finite", "_sum", "bests", "ending", "index", "means", "planned", "resources", "trial", "values")

    def __init__(self, trial: str, index: int, planned: float | None) -> None:
        self.trial = trial
        self.index = index
        self.planned = planned
        self.ending = Ending.RUNNING
        self.resources: list[float] = []
        self.values: list[float] = []
        self.bests: list[float] = []
        self.means: list[float] = []
        self._sum = 0.0
        self._finite = 0

    @property
    def reached(self) -> float:
        """The resource of the last report, 0 before the first."""
        return self.resources[-1] if self.resources else 0.0

    @property
    def best(self) -> float:
        """The best loss so far, inf before the first finite one."""
        return self.bests[-1] if self.bests else math.inf

    def series(self, statistic: Statistic) -> list[float]:
        if statistic is Statistic.BEST:
            return self.bests
        return self.values if statistic is Statistic.VALUE else self.means

    def at(self, statistic: Statistic, resource: float) -> float:
        """The statistic as it stood at a resource; inf before the first report."""
        place = bisect_right(self.resources, resource)
        return self.series(statistic)[place - 1] if place else math.inf

    def append(self, resource: float, loss: float) -> None:
        finite = math.isfinite(loss)
        value = loss if finite else math.inf
        if finite:
            self._sum += value
            self._finite += 1
        self.resources.append(resource)
        self.values.append(value)
        self.bests.append(min(self.best, value))
        self.means.append(self._sum / self._finite if self._finite else math.inf)

    def packed(self) -> bytes:
        """The reports, 12 bytes each; packed parts of one curve may be joined. Resources keep 24 bits."""
        return b"".join(map(_REPORT.pack, self.resources, self.values))


def pack(reports: Iterable[tuple[float, float]]) -> bytes:
    """Reports (resource, loss) as `Curve.packed` has them, to be appended to what was packed before."""
    return b"".join(_REPORT.pack(resource, loss) for resource, loss in reports)


def unpack(packed: bytes) -> Iterator[tuple[float, float]]:
    """Reports as (resource, loss). Raises ValueError when the bytes are no whole number of reports."""
    if len(packed) % REPORT_BYTES:
        raise ValueError(f"{len(packed)} bytes are no whole number of reports of {REPORT_BYTES} bytes")
    return _REPORT.iter_unpack(packed)


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """What is known of a trial that ended or came to a part of its training (of `PARTS`): its best until then, which
    the reports until the next part do not change. `until` is where it stood.
    """

    best: float
    index: int
    until: float = field(compare=False)
    curve: Curve = field(compare=False, repr=False)

    def at(self, resource: float) -> float:
        """Its best at a resource, and beyond `until` the last one."""
        return self.curve.at(Statistic.BEST, min(resource, self.until))


class _Columns:
    """Ranked values by resource, of the resources that were asked for."""

    __slots__ = ("_columns", "_resources")

    def __init__(self) -> None:
        self._resources: list[float] = []
        self._columns: dict[float, list[float]] = {}

    def at(self, resource: float) -> list[float] | None:
        return self._columns.get(resource)

    def begin(self, resource: float, values: Iterable[float]) -> list[float]:
        column = self._columns[resource] = sorted(values)
        insort(self._resources, resource)
        return column

    def add(self, curve: Curve, statistic: Statistic, before: float) -> None:
        """The curve has come from `before` to where it is now."""
        first, last = bisect_right(self._resources, before), bisect_right(self._resources, curve.reached)
        for resource in self._resources[first:last]:
            insort(self._columns[resource], curve.at(statistic, resource))


class History:
    """Every trial's curve, in the order in which the reports became known.

    A rule's verdict is a function of this alone. Reports come once: one at or before the last known resource of its
    trial is ignored, so that what is delivered twice or late changes nothing. What is asked for again and again, the
    ranked values of all trials at one resource, is kept and extended with each report; it costs nothing until a rule
    first asks for it.
    """

    def __init__(self, *, maximize: bool = False) -> None:
        self.maximize = maximize
        self.best = math.inf  # loss
        self.furthest = 0.0  # the largest resource at which a trial completed
        self.completed = 0
        self.known: list[Known] = []  # the best first
        self._kept: dict[Hashable, tuple[Sequence[object], dict[float, Any]]] = {}
        self._known_of: dict[str, Known] = {}
        self._curves: dict[str, Curve] = {}
        self._ranked: dict[tuple[Statistic, bool], _Columns] = {}

    def __len__(self) -> int:
        return len(self._curves)

    def __iter__(self) -> Iterator[Curve]:
        return iter(self._curves.values())

    def __contains__(self, trial: str) -> bool:
        return trial in self._curves

    def curve(self, trial: str) -> Curve:
        """The trial's curve; KeyError when it was never seen."""
        return self._curves[trial]

    def metric(self, loss: float) -> float:
        """A loss as people know the metric."""
        return -loss if self.maximize else loss

    def start(self, trial: str, planned: float | None = None) -> Curve:
        """The trial's curve, empty when it was not seen before."""
        curve = self._curves.get(trial)
        if curve is None:
            curve = self._curves[trial] = Curve(trial, len(self._curves), planned)
        elif planned is not None:
            curve.planned = planned
        return curve

    def report(self, trial: str, resource: float, value: float) -> bool:
        """Add one value of the metric (not finite: NaN, inf); False when it was known already."""
        return self.add(self.start(trial), resource, -value if self.maximize else value)

    def add(self, curve: Curve, resource: float, loss: float) -> bool:
        """`report` for one who holds the curve and counts in losses."""
        before = curve.reached if curve.resources else -math.inf
        if resource <= before:
            return False
        curve.append(resource, loss)
        self.best = min(self.best, curve.bests[-1])
        self._extend(curve, before, completed=False)
        if curve.ending is Ending.RUNNING:
            self._pass_parts(curve, before)
        else:
            self._amend(curve, before)
        return True

    def end(self, trial: str, ending: Ending) -> None:
        """The trial is over; said twice, the first counts."""
        curve = self.start(trial)
        if curve.ending is not Ending.RUNNING:
            return
        curve.ending = ending
        if curve.values:
            self._know(curve)
        if ending is Ending.COMPLETED:
            self.completed += 1
            self.furthest = max(self.furthest, curve.reached)
            self._extend(curve, -math.inf, completed=True)

    def ranked(self, statistic: Statistic, resource: float, *, completed: bool = False) -> list[float]:
        """The statistic at that resource of every trial that has reached it (with `completed`: of those that trained
        to their end), ascending, so best first. Not to be changed by the caller.
        """
        columns = self._ranked.get((statistic, completed))
        if columns is None:
            columns = self._ranked[statistic, completed] = _Columns()
        column = columns.at(resource)
        if column is not None:
            return column
        return columns.begin(
            resource,
            (
                curve.at(statistic, resource)
                for curve in self._curves.values()
                if curve.reached >= resource and (not completed or curve.ending is Ending.COMPLETED)
            ),
        )

    def others(self, statistic: Statistic, curve: Curve, resource: float) -> list[float]:
        """`ranked` without the given trial's own value."""
        column = self.ranked(statistic, resource)
        if curve.reached < resource:
            return column
        own = bisect_left(column, curve.at(statistic, resource))
        return column[:own] + column[own + 1 :]

    def kept(self, key: Hashable, source: Sequence[object]) -> dict[float, Any]:
        """A place for what a rule derives from `source` by resource, empty whenever the source is not as it was: so
        that a verdict stays a function of the history. Only saves time.
        """
        found = self._kept.get(key)
        if found is None or found[0] != source:
            found = self._kept[key] = (source, {})
        return found[1]

    def _pass_parts(self, curve: Curve, before: float) -> None:
        if curve.planned:
            part = curve.planned / PARTS
            if curve.reached // part > max(before, 0.0) // part:
                self._know(curve)

    def _amend(self, curve: Curve, before: float) -> None:
        """A report that became known after the end of its trial."""
        self._know(curve)
        if curve.ending is Ending.COMPLETED:
            self.furthest = max(self.furthest, curve.reached)
            self._extend(curve, before, completed=True)

    def _know(self, curve: Curve) -> None:
        former = self._known_of.get(curve.trial)
        if former is not None:
            self.known.pop(bisect_left(self.known, former))
        known = self._known_of[curve.trial] = Known(curve.best, curve.index, curve.reached, curve)
        insort(self.known, known)

    def _extend(self, curve: Curve, before: float, *, completed: bool) -> None:
        for (statistic, of_completed), columns in self._ranked.items():
            if of_completed is completed:
                columns.add(curve, statistic, before)
