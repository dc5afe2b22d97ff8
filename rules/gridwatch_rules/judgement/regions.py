"""Finds parts of a search space in which trials fail.

A region is a condition on one factor or on two. A condition asks for a value, or for numbers up to or from a value. A
region is doomed when at least `share` of its points fail, with the confidence that is asked for. The share of failures
is judged by its posterior under a uniform prior, Beta(1 + failures, 1 + others), whose tail is a binomial sum
(Abramowitz and Stegun, 26.5.24). Because many regions are looked at, the permitted error is divided by the number of
regions that hold different points (Bonferroni), separately for conditions on one factor and on two, so that the
confidence holds for all regions of a kind together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """A comparison of `factor` with `value`; `relation` is `=`, `<=` or `>=`."""

    factor: str
    relation: str
    value: Any

    def holds(self, point: Mapping[str, Any]) -> bool:
        """Whether the condition holds for the point. It does not when the point lacks the factor."""
        if self.factor not in point:
            return False
        given = point[self.factor]
        if self.relation == "=":
            return bool(given == self.value) and isinstance(given, bool) is isinstance(self.value, bool)
        if not _is_number(given):
            return False
        return bool(given <= self.value) if self.relation == "<=" else bool(given >= self.value)

    def __str__(self) -> str:
        return f"{self.factor} {self.relation} {self.value}"


@dataclass(frozen=True, slots=True)
class Region:
    """The part of the search space in which all of the conditions hold."""

    conditions: tuple[Condition, ...]

    def holds(self, point: Mapping[str, Any]) -> bool:
        return all(condition.holds(point) for condition in self.conditions)

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))


@dataclass(frozen=True, slots=True)
class Doomed:
    """A region in which `failures` of the `known` points failed. `confidence` is that at least the given share of its
    points fails, after Bonferroni's correction. `elsewhere` holds the failures and known points outside of it.
    """

    region: Region
    failures: int
    known: int
    confidence: float
    elsewhere: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Known:
    """A point whose trial has ended, with whether it failed."""

    point: Mapping[str, Any]
    failed: bool


def confidence_of(failures: int, known: int, share: float) -> float:
    """The posterior probability that at least `share` (between 0 and 1) of the points fail."""
    trials, log_fail, log_pass = known + 1, math.log(share), math.log1p(-share)
    whole = math.lgamma(trials + 1)
    tail = math.fsum(
        math.exp(
            whole - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
            + count * log_fail + (trials - count) * log_pass
        )
        for count in range(failures + 1, trials + 1)
    )  # fmt: skip
    return 1 - tail


def doomed_region(
    known: Sequence[Known],
    factors: Sequence[str],
    *,
    confidence: float = 0.95,
    share: float = 0.5,
    min_failures: int = 4,
    but: Sequence[Region] = (),
) -> Doomed | None:
    """Find the doomed region that holds most failures; among equals the one on fewer factors, then the one with fewer
    points. Returns None when there is none. Regions within one of `but` are left out.

    A region that holds every known point does not count, because then everything fails and not this part.
    """
    points = _Points(known)
    left = [points.of(region) for region in but]
    singles = [(condition, points.inside(condition)) for condition in _conditions(known, factors)]
    pairs = (
        (Region((first, second)), held & also)
        for (first, held), (second, also) in itertools.combinations(singles, 2)
        if first.factor != second.factor
    )
    for level in (((Region((condition,)), held) for condition, held in singles), pairs):
        distinct: dict[int, Region] = {}
        for region, held in level:
            if points.may_be_doomed(held):
                distinct.setdefault(held, region)
        needed = 1 - (1 - confidence) / max(len(distinct), 1)
        judged = [
            points.judged(region, held, share)
            for held, region in distinct.items()
            if points.failures(held) >= min_failures and not any(held & ~each == 0 for each in left)
        ]
        found = [each for each in judged if each.confidence >= needed]
        if found:
            return min(found, key=lambda each: (-each.failures, each.known))
    return None


class _Points:
    """The known points. A set of points is the bits of a number, so `&` intersects two sets."""

    def __init__(self, known: Sequence[Known]) -> None:
        self._known = known
        self._all = (1 << len(known)) - 1
        self._failed = sum(1 << place for place, each in enumerate(known) if each.failed)

    def inside(self, condition: Condition) -> int:
        return sum(1 << place for place, each in enumerate(self._known) if condition.holds(each.point))

    def of(self, region: Region) -> int:
        return reduce(and_, map(self.inside, region.conditions), self._all)

    def failures(self, held: int) -> int:
        return (held & self._failed).bit_count()

    def may_be_doomed(self, held: int) -> bool:
        return held not in (0, self._all)

    def judged(self, region: Region, held: int, share: float) -> Doomed:
        """Judge a region. Its confidence is 0 when no larger share fails in it than outside of it."""
        failures, count = self.failures(held), held.bit_count()
        outside = self._all & ~held
        elsewhere = (self.failures(outside), outside.bit_count())
        worse = failures * elsewhere[1] > elsewhere[0] * count
        return Doomed(region, failures, count, confidence_of(failures, count, share) if worse else 0.0, elsewhere)


def _conditions(known: Sequence[Known], factors: Sequence[str]) -> Iterator[Condition]:
    """Yield conditions that may distinguish failed points, from evenly spaced values of a factor that has many."""
    for factor in factors:
        failed = {
            repr(each.point[factor]): each.point[factor] for each in known if each.failed and factor in each.point
        }
        numbers = _spread(sorted(value for value in failed.values() if _is_number(value)))
        for value in (*numbers, *_spread([value for value in failed.values() if not _is_number(value)])):
            yield Condition(factor, "=", value)
        for value in numbers:
            yield Condition(factor, "<=", value)
            yield Condition(factor, ">=", value)


def _spread(values: Sequence[Any]) -> Sequence[Any]:
    if len(values) <= _MOST_VALUES:
        return values
    return [values[place * (len(values) - 1) // (_MOST_VALUES - 1)] for place in range(_MOST_VALUES)]


_MOST_VALUES = 16


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
