"""The history of what an experiment's trials have reported so far, which is all that a rule across trials may look at.

Values are kept as losses, so that lower is better everywhere; a metric that is better when higher is negated. This
module does not need numpy.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# A running trial is added to the known trials, or updated there, each time it completes one of this many parts.
PARTS = 16

_REPORT = struct.Struct("<fd")  # pairs of resource and value
REPORT_BYTES = _REPORT.size


class Statistic(StrEnum):
    """The value of a curve that is compared at a resource: the one reported there, or the best or the mean of all until
    there.
    """

    VALUE = "value"
    BEST = "best"
    MEAN = "mean"


class Ending(StrEnum):
    """The state of a trial. Only a trial that trained to its own end is `COMPLETED`."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class Curve:
    """One trial's reports in the order of their resource. `values` are losses (inf when not finite); `bests` and
    `means` are the running best and the running mean of the finite values (inf before the first one).

    `planned` is the resource of the whole training, None when it is not known. `index` numbers the trials from 0 in the
    order in which they appeared.
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
        """The reports as bytes, 12 for each. Packed parts of one curve may be joined. Resources keep 24 bits."""
        return b"".join(map(_REPORT.pack, self.resources, self.values))


def pack(reports: Iterable[tuple[float, float]]) -> bytes:
    """Pack reports (resource, loss) as `Curve.packed` does, to be appended to earlier packed reports."""
    return b"".join(_REPORT.pack(resource, loss) for resource, loss in reports)


def unpack(packed: bytes) -> Iterator[tuple[float, float]]:
    """Yield packed reports as (resource, loss). Raises ValueError when the bytes are not a whole number of reports."""
    if len(packed) % REPORT_BYTES:
        raise ValueError(f"{len(packed)} bytes are no whole number of reports of {REPORT_BYTES} bytes")
    return _REPORT.iter_unpack(packed)


@dataclass(frozen=True, slots=True, order=True)
class KnownTrial:
    """A trial's best values until it ended, or until it completed one of the `PARTS` of its training. Reports before
    the next part do not change them. `until` is the resource that it had reached.
    """

    best: float
    index: int
    until: float = field(compare=False)
    curve: Curve = field(compare=False, repr=False)

    def at(self, resource: float) -> float:
        """The trial's best at a resource, or beyond `until` its last best."""
        return self.curve.at(Statistic.BEST, min(resource, self.until))


class _Columns:
    """The ranked values of all trials, at each resource that was asked for."""

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
        """Add the curve's values at the resources between `before` and its last report."""
        first, last = bisect_right(self._resources, before), bisect_right(self._resources, curve.reached)
        for resource in self._resources[first:last]:
            insort(self._columns[resource], curve.at(statistic, resource))


class History:
    """Every trial's curve, in the order in which the reports became known.

    A rule's verdict depends on this alone. A report at or before the last known resource of its trial is ignored, so
    that reports delivered twice or late change nothing. The ranked values of all trials at one resource, which rules
    ask for again and again, are kept and extended with each report; they cost nothing until a rule first asks for them.
    """

    def __init__(self, *, maximize: bool = False) -> None:
        self.maximize = maximize
        self.best = math.inf  # loss
        self.furthest = 0.0  # the largest resource at which a trial completed
        self.completed = 0
        self.known: list[KnownTrial] = []  # the best trial first
        self._kept: dict[Hashable, tuple[Sequence[object], dict[float, Any]]] = {}
        self._known_of: dict[str, KnownTrial] = {}
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
        """Convert a loss to the metric's own value."""
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
        """Add a loss to a curve, as `report` does for a value of the metric."""
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
        """Record that the trial is over. When this is called twice, the first call counts."""
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
        """The statistic at that resource of every trial that has reached it (with `completed`, only of those that
        trained to their end), ascending, so best first. The caller must not change the list.
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
        """A cache for values that a rule derives from `source`, by resource. It is emptied whenever the source has
        changed, so that a verdict still depends on the history alone.
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
        """Update what is known of a trial after a report that arrived after its end."""
        self._know(curve)
        if curve.ending is Ending.COMPLETED:
            self.furthest = max(self.furthest, curve.reached)
            self._extend(curve, before, completed=True)

    def _know(self, curve: Curve) -> None:
        former = self._known_of.get(curve.trial)
        if former is not None:
            self.known.pop(bisect_left(self.known, former))
        known = self._known_of[curve.trial] = KnownTrial(curve.best, curve.index, curve.reached, curve)
        insort(self.known, known)

    def _extend(self, curve: Curve, before: float, *, completed: bool) -> None:
        for (statistic, of_completed), columns in self._ranked.items():
            if of_completed is completed:
                columns.add(curve, statistic, before)
