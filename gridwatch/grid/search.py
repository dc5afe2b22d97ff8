"""The points of a search in their stated order.

The parts are combined, with later ones varying faster: list, zip groups in their order, the grid's factors in theirs,
random draws, repeats. Then conditions take parameters out of points, points that have become equal count once (the
first stays), and constraints leave points out.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from gridwatch.grid.points import Scalar, count, points
from gridwatch_rules import expressions
from gridwatch_rules.expressions import Condition

Point = dict[str, Scalar]
_DIGITS = 6  # significant ones of a drawn number


class ExpressionError(ValueError):
    """A condition or a constraint is not a valid expression, or cannot be evaluated for a point. `where`: ("when",
    name) or ("constraints", index).
    """

    def __init__(self, where: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True, slots=True)
class Draw:
    """What a random hyperparameter is drawn from. `kind` is uniform, log_uniform, integer or choice; `values` are its
    two bounds, or the choices.
    """

    kind: str
    values: Sequence[Scalar]

    def at(self, share: float) -> Scalar:
        """The value at that share of the distribution, 0 <= share < 1."""
        if self.kind == "choice":
            return self.values[int(share * len(self.values))]
        low, high = float(self.values[0]), float(self.values[1])
        if self.kind == "integer":
            return int(self.values[0]) + int(share * (int(self.values[1]) - int(self.values[0]) + 1))
        drawn = math.exp(math.log(low) + share * math.log(high / low)) if self.kind == "log_uniform" else (
            low + share * (high - low)
        )  # fmt: skip
        return min(high, max(low, float(f"{drawn:.{_DIGITS}g}")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What points are made from. `static` is what all points share: conditions and constraints may refer to it."""

    listed: Sequence[Mapping[str, Scalar]] = ()
    zipped: Sequence[Mapping[str, Sequence[Scalar]]] = ()
    factors: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)
    draws: Mapping[str, Draw] = field(default_factory=dict)
    samples: int = 1
    seed: int = 0
    conditions: Mapping[str, str] = field(default_factory=dict)
    constraints: Sequence[str] = ()
    repeats: int = 1
    seed_name: str | None = None
    first_seed: int = 0
    static: Mapping[str, Any] = field(default_factory=dict)

    @property
    def candidates(self) -> int:
        """The number of points before any is left out, without making them."""
        groups = math.prod(min((len(values) for values in group.values()), default=1) for group in self.zipped)
        return max(1, len(self.listed)) * groups * count(self.factors) * self.samples * self.repeats


@dataclass(frozen=True, slots=True)
class SearchPoint:
    """A point: `values` are its hyperparameters and settings; `repeat` counts from 0."""

    values: Point
    repeat: int = 0


def search_points(search: Search) -> Iterator[SearchPoint]:
    """The points, one at a time. Raises ExpressionError."""
    conditions = {name: _program(("when", name), text) for name, text in search.conditions.items()}
    constraints = [_program(("constraints", index), text) for index, text in enumerate(search.constraints)]
    seen: set[tuple[tuple[str, bool, Scalar], ...]] = set()
    for candidate in _candidates(search):
        whole = {**search.static, **candidate}
        gone = {name for name, holds in conditions.items() if name in candidate and not holds(whole, frozenset())}
        point = {name: value for name, value in candidate.items() if name not in gone}
        # 1 and True are one key of a dict, but not one value.
        key = tuple((name, isinstance(value, bool), value) for name, value in point.items())
        if key in seen:
            continue
        seen.add(key)
        known = {name: value for name, value in whole.items() if name not in gone}
        if all(holds(known, frozenset(gone)) for holds in constraints):
            for repeat in range(search.repeats):
                seeded = {} if search.seed_name is None else {search.seed_name: search.first_seed + repeat}
                yield SearchPoint({**point, **seeded}, repeat)


def _candidates(search: Search) -> Iterator[Point]:
    listed: Sequence[Mapping[str, Scalar]] = search.listed or ({},)
    zipped = [[dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)]
              for group in search.zipped]  # fmt: skip
    drawn = list(_draws(search))
    for first, groups in itertools.product(listed, itertools.product(*zipped)):
        for point in points(search.factors):
            for draw in drawn:
                yield {**first, **{k: v for group in groups for k, v in group.items()}, **point, **draw}


def _draws(search: Search) -> Iterator[Point]:
    """A stream of draws for each parameter: adding a parameter or more samples changes none of the other draws."""
    streams = {name: Random(f"{search.seed}:{name}") for name in search.draws}  # noqa: S311 - a search is no secret
    for _ in range(search.samples):
        yield {name: draw.at(streams[name].random()) for name, draw in search.draws.items()}


def _program(where: tuple[str | int, ...], text: str) -> Callable[[Mapping[str, Any], frozenset[str]], bool]:
    """The expression as a function of the known values and of the names that a point lacks: a constraint that refers to
    a missing one says nothing about the point.
    """
    try:
        condition = Condition.compile(text)
    except expressions.ExpressionError as error:
        raise ExpressionError(where, str(error)) from error
    spoken = frozenset(re.findall(r"\w+", text))

    def holds(known: Mapping[str, Any], gone: frozenset[str]) -> bool:
        if any(name in spoken or (not name.isidentifier() and name in text) for name in gone):
            return True
        try:
            return condition.holds({**known, "parameters": known})
        except (expressions.ExpressionError, KeyError) as error:
            raise ExpressionError(where, f"for a point, {_told(error)}") from error

    return holds


def _told(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)
