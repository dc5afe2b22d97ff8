"""Scores of a replay: what it saved and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gridwatch_rules.judgement.grids import Grid, Trained
from gridwatch_rules.judgement.replay import Replay

TOP_SHARE = 0.05
WORTH = 0.05


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one replay. `saved` is the share of the grid's seconds that was not spent; `top_killed` the share
    of the best 5 % of the trials whose best before the stop is more than 5 % worse than their own best;
    `hopeless_caught` the share of the hopeless trials that were stopped; `accuracy_regret_pp` the grid's best accuracy
    less the best one seen, in percentage points; `regret` the same for the judged metric, in its unit; `saved_cost` the
    money saved, None without a price.
    """

    saved: float
    top_killed: float
    hopeless_caught: float | None
    accuracy_regret_pp: float | None
    regret: float
    saved_cost: float | None


@dataclass(frozen=True)
class Scorer:
    """Computes the scores of replays of one grid. A trial is hopeless when its accuracy never reaches `hopeless`.
    Without accuracies or such a limit, hopeless trials have no score.
    """

    grid: Grid
    hopeless: float | None = None

    def scores(self, replay: Replay) -> Scores:
        stopped = replay.stopped
        spared = [_spared(trial, stopped) for trial in self.grid.trials]
        return Scores(
            saved=sum(spared) / self.grid.seconds if self.grid.seconds else 0.0,
            top_killed=sum(_is_killed(trial, stopped) for trial in self.top) / len(self.top) if self.top else 0.0,
            hopeless_caught=self._caught(replay),
            accuracy_regret_pp=self._accuracy_regret(replay),
            regret=_difference(min(_best_seen(trial, stopped) for trial in self.grid.trials), self._best),
            saved_cost=self._cost(spared),
        )

    @cached_property
    def _best(self) -> float:
        return min(trial.best for trial in self.grid.trials)

    @cached_property
    def top(self) -> Sequence[Trained]:
        """The best 5 % of the trials, at least one; empty when no trial has a finite value."""
        finite = sorted((trial for trial in self.grid.trials if trial.best < math.inf), key=lambda trial: trial.best)
        return finite[: max(1, round(TOP_SHARE * len(self.grid.trials)))]

    @cached_property
    def _hopeless(self) -> Sequence[Trained]:
        if self.hopeless is None or not self._has_accuracy:
            return ()
        limit = self.hopeless
        return [trial for trial in self.grid.trials if not _highest(trial.accuracy or ()) >= limit]

    @cached_property
    def _has_accuracy(self) -> bool:
        return any(trial.accuracy for trial in self.grid.trials)

    def _caught(self, replay: Replay) -> float | None:
        if not self._hopeless:
            return None
        return sum(trial.name in replay.stopped for trial in self._hopeless) / len(self._hopeless)

    def _accuracy_regret(self, replay: Replay) -> float | None:
        if not self._has_accuracy:
            return None
        all_of = max(_highest(trial.accuracy or ()) for trial in self.grid.trials)
        seen = max(
            _highest((trial.accuracy or ())[: replay.stopped.get(trial.name, len(trial.losses))])
            for trial in self.grid.trials
        )
        return 100 * (all_of - seen) if math.isfinite(seen) else None

    def _cost(self, spared: Sequence[float]) -> float | None:
        prices = [trial.price_per_hour for trial in self.grid.trials]
        known = [price for price in prices if price is not None]
        if len(known) < len(prices):
            return None
        return sum(seconds / 3600 * price for seconds, price in zip(spared, known, strict=True))


def _spared(trial: Trained, stopped: Mapping[str, int]) -> float:
    reports = stopped.get(trial.name)
    return 0.0 if reports is None else trial.seconds * (1 - reports / len(trial.losses))


def _best_seen(trial: Trained, stopped: Mapping[str, int]) -> float:
    return min(trial.losses[: stopped.get(trial.name, len(trial.losses))])


def _is_killed(trial: Trained, stopped: Mapping[str, int]) -> bool:
    return _best_seen(trial, stopped) > trial.best + WORTH * abs(trial.best)


def _highest(values: Sequence[float]) -> float:
    return max((value for value in values if math.isfinite(value)), default=-math.inf)


def _difference(seen: float, best: float) -> float:
    return 0.0 if seen == best else seen - best


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over replays with its 95 % confidence interval (Student), and the smallest and largest value."""

    mean: float
    low: float
    high: float
    least: float
    most: float


def mean_of(values: Sequence[float], *, least: float = -math.inf, most: float = math.inf) -> Mean:
    """Compute the mean of at least one value. The interval of a single value is that value. The interval does not leave
    the range from `least` to `most`, which the values cannot leave.
    """
    count = len(values)
    mean = math.fsum(values) / count
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count) if count > 1 else 0.0
    half = student_975(count - 1) * spread if count > 1 else 0.0
    return Mean(mean, max(mean - half, least), min(mean + half, most), min(values), max(values))


def student_975(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, by the expansion of Abramowitz and Stegun, 26.7.5; within 1 % from 3 degrees
    of freedom on, exact below.
    """
    if freedom in (1, 2):
        return (12.706, 4.303)[freedom - 1]
    z = 1.959964
    first = (z**3 + z) / 4 / freedom
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96 / freedom**2
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 / freedom**3
    return z + first + second + third


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """The positions of those points (saved, killed) that no other point beats by saving as much and killing less, or by
    saving more and killing no more.
    """
    return [
        place
        for place, (saved, killed) in enumerate(points)
        if not any(
            (other >= saved and less < killed) or (other > saved and less <= killed)
            for at, (other, less) in enumerate(points)
            if at != place
        )
    ]
