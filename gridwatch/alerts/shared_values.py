"""Hyperparameter values that the trials with a finding share and the other trials do not have.

Each value of each hyperparameter is compared by the 2x2 table of affected/other trials with/without it. The values that
are more frequent among the affected trials by Fisher's exact test (one-sided, p at most 0.05, Fisher 1922) are
reported, the least likely first. All values are tried without a correction for multiple tests: the result is a hint of
where to look, not a proof.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

SIGNIFICANT = 0.05
MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedValue:
    """A value that `with_value` trials have, `affected` of them with the finding, `elsewhere` of the `without`
    others.
    """

    name: str
    value: Any
    affected: int
    with_value: int
    elsewhere: int
    without: int
    probability: float


def shared_values(
    affected: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> tuple[Sequence[SharedValue], int]:
    """The values that stand out in the trials' hyperparameters, at most three, and how many values were compared."""
    names = sorted({name for trial in (*affected, *others) for name in trial})
    compared = [_compare(name, value, affected, others) for name in names for value in _values(name, affected, others)]
    found = [value for value in compared if value.affected > 1 and value.probability <= SIGNIFICANT]
    found.sort(key=lambda value: (value.probability, value.name))
    return found[:MOST], len(compared)


def _values(name: str, *groups: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The distinct values, in order of appearance, if there are several: a value that all trials have tells nothing."""
    trials = [trial for group in groups for trial in group]
    distinct = {_key(trial[name]): trial[name] for trial in trials if name in trial}
    return list(distinct.values()) if len(distinct) > 1 or len(trials) > sum(name in trial for trial in trials) else []


def _compare(
    name: str, value: Any, affected: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> SharedValue:
    hit, missed = _count(name, value, affected), _count(name, value, others)
    return SharedValue(
        name=name,
        value=value,
        affected=hit,
        with_value=hit + missed,
        elsewhere=len(affected) - hit,
        without=len(affected) - hit + len(others) - missed,
        probability=_tail(hit, hit + missed, len(affected), len(affected) + len(others)),
    )


def _tail(hit: int, with_value: int, affected: int, total: int) -> float:
    """The chance that at least `hit` of `affected` trials, drawn blindly out of `total`, are `with_value`."""
    ways = sum(
        comb(with_value, count) * comb(total - with_value, affected - count)
        for count in range(hit, min(with_value, affected) + 1)
    )
    return ways / comb(total, affected)


def _count(name: str, value: Any, trials: Iterable[Mapping[str, Any]]) -> int:
    return sum(name in trial and _key(trial[name]) == _key(value) for trial in trials)


def _key(value: Any) -> str:
    """A key that tells values of any kind apart: 1 is not true, and lists are compared as they are."""
    return json.dumps(value, sort_keys=True)
