"""Measures what rules would have saved and what they would have cost, as means over replays of a complete grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.grids import Grid
from gridwatch_rules.judgement.replay import AcrossTrials, Judge, replay
from gridwatch_rules.judgement.scores import Mean, Scorer, Scores, mean_of

_MOST = {"saved": 1.0, "top_killed": 1.0, "hopeless_caught": 1.0, "accuracy_regret_pp": 100.0}


class Contender(Protocol):
    """A choice of rules to measure on a grid: one rule, or several, any of which stops a trial."""

    @property
    def text(self) -> str: ...

    @property
    def given(self) -> Mapping[str, str]:
        """The parameters that differ from their defaults."""
        ...

    def resource(self) -> str:
        """The unit in which training is counted."""
        ...

    def judges(self, grid: Grid) -> Sequence[Judge]: ...


@dataclass(frozen=True, slots=True)
class RuleAcross:
    """A rule across trials with default parameters."""

    text: str
    given: Mapping[str, str]

    def resource(self) -> str:
        return str(create_judgement_rule(self.text, self.given).parameters.resource)

    def judges(self, grid: Grid) -> Sequence[Judge]:
        del grid
        return [AcrossTrials(create_judgement_rule(self.text, self.given))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scores of one choice of rules on one grid, as means over all replays; None where a score is not known."""

    grid: str
    rule: str
    parameters: Mapping[str, str]
    means: Mapping[str, Mean | None]
    seconds: float  # the price of the whole grid
    currency: str = "USD"  # the currency of `saved_cost`

    @property
    def saved_and_killed(self) -> tuple[float, float]:
        """The share of time saved and the share of top trials killed, from 0 to 1."""
        saved, killed = self.means["saved"], self.means["top_killed"]
        assert saved is not None
        assert killed is not None
        return saved.mean, killed.mean

    def as_json(self) -> dict[str, Any]:
        values = {name: None if mean is None else mean.mean for name, mean in self.means.items()}
        intervals = {name: None if mean is None else [mean.low, mean.high] for name, mean in self.means.items()}
        ranges = {name: None if mean is None else [mean.least, mean.most] for name, mean in self.means.items()}
        return {
            "grid": self.grid, "rule": self.rule, "parameters": dict(self.parameters), **values,
            "intervals": intervals, "ranges": ranges, "grid_seconds": self.seconds, "currency": self.currency,
        }  # fmt: skip


def measure(grid: Grid, contender: Contender, orders: int, workers: Sequence[int], hopeless: float | None) -> Outcome:
    """Measure one contender: the means over `orders` orders of arrival with each number of workers."""
    counted = grid.counted_in(contender.resource())
    judges, scorer = contender.judges(counted), Scorer(counted, hopeless)
    scores = [
        scorer.scores(replay(counted, judges, seed=seed, workers=count)) for count in workers for seed in range(orders)
    ]
    means: dict[str, Mean | None] = {}
    for name in (each.name for each in fields(Scores)):
        values = [value for score in scores if (value := getattr(score, name)) is not None]
        means[name] = mean_of(values, least=0.0, most=_MOST.get(name, math.inf)) if values else None
    return Outcome(grid.name, contender.text, contender.given, means, grid.seconds, grid.currency)
