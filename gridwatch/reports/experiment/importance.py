"""Which hyperparameters the objective depends on, judged from the trials that exist."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

METHOD = "Kruskal-Wallis effect size"
_MOST_LEVELS = 8  # numbers with more values are cut into as many groups of equal size


@dataclass(frozen=True, slots=True)
class Importance:
    """The importance of one hyperparameter: `effect` from 0 (none) to 1 (it alone decides the order of the trials)."""

    name: str
    effect: float
    levels: int
    trials: int


def importances(trials: Sequence[tuple[Mapping[str, Any], float]]) -> list[Importance]:
    """The importance of each hyperparameter that differs, by effect, the largest first. Each trial is its
    hyperparameters and objective.

    The effect is eta squared of the Kruskal-Wallis test, (H - k + 1) / (n - k) for k groups of n trials, below 0 taken
    as 0 (Tomczak and Tomczak, "The need to report effect size estimates revisited", 2014). It looks at the ranks of
    the objective, so that a trial that diverged counts no more than any other that was worst.
    """
    known = [(parameters, value) for parameters, value in trials if math.isfinite(value)]
    names = sorted({name for parameters, _ in known for name in parameters})
    ranks = _ranks([value for _, value in known])
    found = []
    for name in names:
        groups = _groups([parameters.get(name) for parameters, _ in known])
        levels = len(set(groups))
        if levels > 1 and len(known) > levels:
            found.append(Importance(name, _effect(groups, ranks), levels, len(known)))
    return sorted(found, key=lambda each: (-each.effect, each.name))


def varied(parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of hyperparameters in which the trials differ, sorted."""
    names = sorted({name for each in parameters for name in each})
    return [name for name in names if len({json.dumps(each.get(name)) for each in parameters}) > 1]


def _groups(values: Sequence[Any]) -> list[str]:
    """The group of each trial: its value, or the range of values that it lies in."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or len(set(numbers)) <= _MOST_LEVELS:
        return [json.dumps(value) for value in values]
    ordered = sorted(numbers)
    # Equal values stay together: a group is found by the value, not by the place.
    edges = [ordered[len(ordered) * cut // _MOST_LEVELS] for cut in range(1, _MOST_LEVELS)]
    return [str(sum(number > edge for edge in edges)) for number in numbers]


def _effect(groups: Sequence[str], ranks: Sequence[float]) -> float:
    count = len(ranks)
    sizes = Counter(groups)
    sums = dict.fromkeys(sizes, 0.0)
    for group, rank in zip(groups, ranks, strict=True):
        sums[group] += rank
    middle = (count + 1) / 2
    between = sum(size * (sums[group] / size - middle) ** 2 for group, size in sizes.items())
    total = sum((rank - middle) ** 2 for rank in ranks)
    if not total:  # every trial has the same objective
        return 0.0
    h = (count - 1) * between / total  # with the correction for ties
    return min(1.0, max(0.0, (h - len(sizes) + 1) / (count - len(sizes))))


def _ranks(values: Sequence[float]) -> list[float]:
    """The group of each trial: its value, or the range of values that contains it."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks
