"""Replays rules over a complete grid as a live system would have seen it, in a random order of arrival on a number of
workers.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gridwatch_rules.judgement.grids import Grid, Trained
from gridwatch_rules.judgement.history import Curve, Ending, History
from gridwatch_rules.judgement.rule import JudgementRule


class Judge(Protocol):
    """Decides after each report whether the trial is stopped."""

    def stops(self, curve: Curve, trained: Trained, history: History) -> bool: ...


@dataclass(frozen=True, slots=True)
class AcrossTrials:
    """The judge for a rule across trials."""

    rule: JudgementRule

    def stops(self, curve: Curve, trained: Trained, history: History) -> bool:
        del trained
        return self.rule.judge(curve.trial, history) is not None


@dataclass(frozen=True, slots=True)
class FixedStops:
    """The judge for a rule that looks at each trial alone, so that the report at which it stops does not depend on the
    order.
    """

    after: Mapping[str, int]

    def stops(self, curve: Curve, trained: Trained, history: History) -> bool:
        del history
        return self.after.get(trained.name, math.inf) <= len(curve.values)


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of one order of arrival: for each stopped trial the number of its reports until then. Trials that are
    not named trained to their end.
    """

    stopped: Mapping[str, int] = field(default_factory=dict)


def replay(grid: Grid, judges: Sequence[Judge], *, seed: int, workers: int, before: Sequence[Trained] = ()) -> Replay:
    """Replay the grid. Trials arrive in an order drawn with the seed; each takes a worker until it ends or a judge
    stops it.

    A trial's reports are spread evenly over its seconds. `before` holds trials known from the beginning, as in a
    resumed experiment. Events at the same time come in the order in which they were begun. Equal arguments give equal
    replays.
    """
    order = list(grid.trials)
    random.Random(seed).shuffle(order)  # noqa: S311  no secret
    history = History(maximize=grid.maximize)
    _tell(history, before)
    waiting = iter(order)
    running: list[tuple[float, int, Trained, Curve]] = []
    stopped: dict[str, int] = {}
    begun = 0

    def begin(now: float) -> None:
        nonlocal begun
        trained = next(waiting, None)
        if trained is not None:
            curve = history.start(trained.name, trained.resources[-1])
            heapq.heappush(running, (now + trained.seconds / len(trained.losses), begun, trained, curve))
            begun += 1

    for _ in range(workers):
        begin(0.0)
    while running:
        now, number, trained, curve = heapq.heappop(running)
        place = len(curve.values)
        history.add(curve, trained.resources[place], trained.losses[place])
        if place + 1 == len(trained.losses):
            history.end(curve.trial, Ending.COMPLETED)
            begin(now)
        elif any(judge.stops(curve, trained, history) for judge in judges):
            history.end(curve.trial, Ending.STOPPED)
            stopped[trained.name] = place + 1
            begin(now)
        else:
            heapq.heappush(running, (now + trained.seconds / len(trained.losses), number, trained, curve))
    return Replay(stopped)


def _tell(history: History, trials: Sequence[Trained]) -> None:
    for trained in trials:
        curve = history.start(f"before {trained.name}", trained.resources[-1])
        for resource, loss in zip(trained.resources, trained.losses, strict=True):
            history.add(curve, resource, loss)
        history.end(curve.trial, Ending.COMPLETED)
