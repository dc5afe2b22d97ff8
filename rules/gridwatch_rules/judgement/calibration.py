"""Chooses a rule and its parameters by a user's own finished experiments, and says what to expect of it on others."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gridwatch_rules.failures import PermanentError
from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.grids import Grid
from gridwatch_rules.judgement.replay import AcrossTrials, replay
from gridwatch_rules.judgement.scores import Mean, Scorer, Scores, mean_of
from gridwatch_rules.judgement.stopping import Stopping

# A history is large enough when one trial is no larger a share of its best fifth than the share that may be killed.
_NEAR_THE_BEST = 0.2


class HistoryTooSmallError(PermanentError, ValueError):
    """The history is too small to predict anything; the message says why and what would be enough."""


class NothingKeepsWithinError(PermanentError, ValueError):
    """Every choice of rule and parameters kills more than is allowed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    rule: str
    parameters: Mapping[str, float | str]

    def __str__(self) -> str:
        return " ".join([self.rule, *(f"{name}={_shown(value)}" for name, value in self.parameters.items())])


@dataclass(frozen=True, slots=True)
class Expectation:
    """The mean scores on units that were not used for the choice. With `across` the intervals include the differences
    between experiments, not only between orders of arrival.
    """

    saved: Mean
    top_killed: Mean
    units: int
    across: bool


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One unit, the candidate that was chosen without it, and that candidate's scores on the unit."""

    unit: str
    candidate: Candidate
    saved: float
    top_killed: float


@dataclass(frozen=True, slots=True)
class Calibration:
    chosen: Candidate
    expected: Expectation
    held_out: Sequence[HeldOut]


def candidates(*, careful: bool) -> list[Candidate]:
    """The candidates, with round values of parameters. With `careful` these are only candidates that regard at least a
    fifth of the trials as good, at settings of the dial at which most of the grounds must agree against a trial.
    """
    tops = (0.2, 0.3, 0.4) if careful else (0.1, 0.15, 0.2, 0.3)
    settings = [each for each in Stopping if each is not Stopping.EAGER or not careful]
    dialled = [
        Candidate("GridDefault", {"stopping": str(stopping), "top": top, "probability": probability})
        for stopping, top, probability in itertools.product(settings, tops, (0.05, 0.01))
    ]
    if careful:
        return dialled
    others = [Candidate("CurveExtrapolation", {"probability": each}) for each in (0.05, 0.02, 0.005)]
    others += [Candidate("KatibMedianStopping", {"start_step": each}) for each in (4, 8)]
    return [*dialled, *others]


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def calibrate(
    grids: Sequence[Grid],
    max_killed: float,
    *,
    orders: int = 10,
    workers: int = 8,
    progress: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Choose the candidate that saves most among those that kill at most `max_killed` of the best trials.

    With several experiments each is held out once: the candidate is chosen by the others and scored on it. A single
    experiment is split into two halves of its trials, and only the careful candidates are considered, since nothing is
    known about how other experiments differ. Raises HistoryTooSmallError, NothingKeepsWithinError.
    """
    _require(grids, max_killed)
    alone = len(grids) == 1
    units = _halves(grids[0]) if alone else list(grids)
    tried = candidates(careful=alone)
    scores: dict[tuple[int, int], list[Scores]] = {}
    for number, candidate in enumerate(tried):
        progress(str(candidate))
        for place, unit in enumerate(units):
            scores[number, place] = _scores(candidate, unit, orders, workers)
    places = range(len(units))
    held = []
    for out in places:
        best = _choose(tried, scores, [place for place in places if place != out], max_killed)
        held.append((out, best if best is not None else _safest(tried, scores, [p for p in places if p != out])))
    chosen = _choose(tried, scores, places, max_killed)
    if chosen is None:
        least = _safest(tried, scores, places)
        raise NothingKeepsWithinError(
            f"nothing that was tried kills at most {100 * max_killed:g} % of the best trials on this history: the "
            f"least is {100 * _killed(scores, least, places):.1f} %, by {tried[least]}, which saves "
            f"{100 * _saved(scores, least, places):.1f} %"
        )
    unseen = [scores[number, out] for out, number in held]
    return Calibration(tried[chosen], _expectation(unseen, across=not alone), _held_out(units, tried, held, scores))


def _require(grids: Sequence[Grid], max_killed: float) -> None:
    trials = sum(len(grid.trials) for grid in grids)
    enough = math.ceil(1 / (max_killed * _NEAR_THE_BEST))
    if trials < enough:
        raise HistoryTooSmallError(
            f"the history is too small: {trials} trials trained to their end, at least {enough} are needed to tell "
            f"whether a rule kills {100 * max_killed:g} % of the best ones. Give more experiments, or allow more"
        )


def _halves(grid: Grid) -> list[Grid]:
    trials = list(grid.trials)
    random.Random(0).shuffle(trials)  # noqa: S311  no secret
    middle = len(trials) // 2
    return [
        replace(grid, name=f"{grid.name}, half {number}", trials=half)
        for number, half in enumerate((trials[:middle], trials[middle:]), 1)
    ]


def _scores(candidate: Candidate, grid: Grid, orders: int, workers: int) -> list[Scores]:
    judges, scorer = [AcrossTrials(create_judgement_rule(candidate.rule, candidate.parameters))], Scorer(grid)
    return [scorer.scores(replay(grid, judges, seed=seed, workers=workers)) for seed in range(orders)]


Scored = Mapping[tuple[int, int], Sequence[Scores]]


def _choose(tried: Sequence[Candidate], scores: Scored, places: Sequence[int], max_killed: float) -> int | None:
    """The number of the candidate that saves most on these units without killing more than `max_killed`. Each unit
    counts the same.
    """
    within = [number for number in range(len(tried)) if _killed(scores, number, places) <= max_killed]
    return max(within, key=lambda number: _saved(scores, number, places)) if within else None


def _safest(tried: Sequence[Candidate], scores: Scored, places: Sequence[int]) -> int:
    return min(range(len(tried)), key=lambda number: (_killed(scores, number, places), -_saved(scores, number, places)))


def _killed(scores: Scored, number: int, places: Sequence[int]) -> float:
    return _average([score.top_killed for place in places for score in scores[number, place]])


def _saved(scores: Scored, number: int, places: Sequence[int]) -> float:
    return _average([score.saved for place in places for score in scores[number, place]])


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _expectation(unseen: Sequence[Sequence[Scores]], *, across: bool) -> Expectation:
    def mean(name: str) -> Mean:
        by_unit = [[float(getattr(score, name)) for score in scores] for scores in unseen]
        values = [_average(unit) for unit in by_unit] if across else list(itertools.chain(*by_unit))
        return mean_of(values, least=0.0, most=1.0)

    return Expectation(mean("saved"), mean("top_killed"), len(unseen), across)


def _held_out(
    units: Sequence[Grid], tried: Sequence[Candidate], held: Sequence[tuple[int, int]], scores: Scored
) -> list[HeldOut]:
    return [
        HeldOut(units[out].name, tried[number], _saved(scores, number, [out]), _killed(scores, number, [out]))
        for out, number in held
    ]
