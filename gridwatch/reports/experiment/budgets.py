"""Finds which trial was best after a given number of steps. Where curves come from a log, values are counted instead,
since its lines count everything that a job prints.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gridwatch.reports.experiment.tables import Series

_SHARES = (0.3, 0.6, 0.9)


@dataclass(frozen=True, slots=True)
class BestAt:
    """The best trial by the last value within the budget; `reached` counts the trials that have one there. `unit` is
    what `budget` and `step` count.
    """

    budget: int
    trial_id: str
    step: int
    value: float
    reached: int
    unit: str = "steps"


def best_by_budget(series: Sequence[Series], direction: str, budgets: Sequence[int] = ()) -> list[BestAt]:
    """The best trial for each budget that a trial reaches: the given budgets, else about 30, 60 and 90 % of the longest
    curve, and all of it.

    A budget of n is the first n steps, counted from the first of all; where curves come from logs, the first n values.
    A trial that ended earlier competes with the value that it ended with.
    """
    curves, unit = _counted([each for each in series if each.steps])
    if not curves:
        return []
    first = min(each.steps[0] for each in curves)
    longest = max(each.steps[-1] for each in curves) - first + 1
    found = [_best(curves, direction, first, budget) for budget in budgets or _usual(longest)]
    return [replace(each, unit=unit) for each in found if each is not None]


def _counted(curves: Sequence[Series]) -> tuple[Sequence[Series], str]:
    """The curves with steps that a budget counts. For a curve that was thinned when it was stored the original number
    of values is not known, so its lines are counted.
    """
    if not any(each.source == "log" for each in curves):
        return curves, "steps"
    if any(each.thinned for each in curves):
        return curves, "lines of the log with a metric"
    return [replace(each, steps=each.places or range(1, len(each.steps) + 1)) for each in curves], "values"


def _usual(longest: int) -> list[int]:
    if longest < 10:
        return [longest]
    unit = 10 ** max(0, math.floor(math.log10(longest)) - 1)
    return sorted({max(1, round(longest * share / unit) * unit) for share in _SHARES} | {longest})


def _best(curves: Sequence[Series], direction: str, first: int, budget: int) -> BestAt | None:
    found: list[tuple[float, Series, int]] = []
    for each in curves:
        place = bisect_right(each.steps, first + budget - 1) - 1
        if place >= 0 and math.isfinite(each.values[place]):
            found.append((each.values[place], each, each.steps[place]))
    if not found:
        return None
    choose = max if direction == "maximize" else min
    value, curve, step = choose(found, key=lambda one: one[0])
    return BestAt(budget, curve.trial_id, step, value, len(found))
