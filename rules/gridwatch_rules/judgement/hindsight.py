"""Tells what the stops of a rule in shadow mode would have cost, from how the trials ended that it did not stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gridwatch_rules.judgement.grids import Grid, Trained
from gridwatch_rules.judgement.replay import Replay
from gridwatch_rules.judgement.reported import ReportsRecord
from gridwatch_rules.judgement.scores import Scorer

MOST_TRIALS = 1_000  # most trials whose curves are read; about 2 MB with 50 reports each


@dataclass(frozen=True, slots=True)
class Completed:
    """A trial that trained to its end. `final` is its last value of the objective. `step` is the step at which the rule
    would have stopped it and `seconds` how long it trained from then on; both are None when the rule would not have
    stopped it.
    """

    trial: str
    final: float
    step: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """The cost of one rule's stops among the `trials` that trained to their end.

    `lost` counts those of the best `top` trials (5 %) whose best before the stop is more than 5 % worse than their own
    best, as in a backtest. `best` is the best value that was reached, `best_seen` the best that would have been seen
    with the stops, or None if there were none. `without_curves` is the number of `stopped` trials whose curve is not
    known; they count as if no value of theirs had been seen.
    """

    rule: str
    trials: int
    stopped: int
    seconds: float
    top: int
    lost: int
    best: float
    best_seen: float | None
    without_curves: int


def hindsight(
    rule: str, completed: Sequence[Completed], log: Iterable[ReportsRecord], *, maximize: bool
) -> Hindsight | None:
    """Compute the hindsight for one rule. `log` holds the trials' reports of the objective and is empty when they were
    not recorded. Returns None when no trial has a value.
    """
    curves = _curves(log, {each.trial for each in completed}, maximize=maximize)
    trained = [_trained(each, curves.get(each.trial), maximize=maximize) for each in completed]
    scorer = Scorer(Grid(rule, "", maximize, trained))
    if not scorer.top:
        return None
    stops = {
        each.trial: _reports_until(each.step, curves.get(each.trial)) for each in completed if each.seconds is not None
    }
    scores = scorer.scores(Replay(stops))
    best = min(each.best for each in trained)
    sign = -1.0 if maximize else 1.0
    return Hindsight(
        rule=rule,
        trials=len(completed),
        stopped=len(stops),
        seconds=sum(each.seconds or 0.0 for each in completed),
        top=len(scorer.top),
        lost=round(scores.top_killed * len(scorer.top)),
        best=sign * best,
        best_seen=sign * (best + scores.regret) if math.isfinite(scores.regret) else None,
        without_curves=sum(trial not in curves for trial in stops),
    )


_Curve = list[tuple[int, float]]  # pairs of step and loss


def _curves(log: Iterable[ReportsRecord], trials: set[str], *, maximize: bool) -> Mapping[str, _Curve]:
    curves: dict[str, _Curve] = {}
    for part in (part for record in log for part in record.parts):
        if part.trial in trials:
            for step, _, value in part.reports:
                loss = -value if maximize else value
                curves.setdefault(part.trial, []).append((int(step), loss if math.isfinite(value) else math.inf))
    return curves


def _trained(trial: Completed, curve: _Curve | None, *, maximize: bool) -> Trained:
    """The trial as a trained configuration. A trial without a curve gets its final value after one report without a
    value.
    """
    final = -trial.final if maximize else trial.final
    losses = [loss for _, loss in curve] if curve else [math.inf, final if math.isfinite(final) else math.inf]
    return Trained(trial.trial, range(1, len(losses) + 1), losses, 0.0)


def _reports_until(step: int | None, curve: _Curve | None) -> int:
    """The number of reports until the step, at least one: a trial stopped before its first report counts as having
    shown it.
    """
    if curve is None or step is None:
        return 1
    return max(1, sum(reported <= step for reported, _ in curve))
