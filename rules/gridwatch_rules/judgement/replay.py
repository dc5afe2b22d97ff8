"""Replays rules over a complete grid: what a live system would have seen, in a random order of arrival on so many
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
    """Says after each report whether the trial is stopped."""

    def stops(self, curve: Curve, trained: Trained, history: History) -> bool: ...


@dataclass(frozen=True, slots=True)
class AcrossTrials:
    """A rule across trials as a judge."""

    rule: JudgementRule

    def stops(self, curve: Curve, trained: Trained, history: History) -> bool:
        del trained
        return self.rule.judge(curve.trial, history) is not None


@dataclass(frozen=True, slots=True)
class FixedStops:
    """A rule that looks at each trial alone: after which report it stops it does not depend on the order."""

    after: Mapping[str, int]

    def stops(self, curve: Curve, trained: Trained, history: History) -> bool:
        del history
        return self.after.get(trained.name, math.inf) <= len(curve.values)


@dataclass(frozen=True, slots=True)
class Replay:
    """One order of arrival: how many reports of each trial there were before it was stopped; those not named trained to
    their end.
    """

    stopped: Mapping[str, int] = field(default_factory=dict)


def replay(grid: Grid, judges: Sequence[Judge], *, seed: int, workers: int, before: Sequence[Trained] = ()) -> Replay:
    """Trials arrive in the order that the seed draws, each takes a worker until it ends or one of the judges stops it.

    A trial's reports come evenly over its seconds. `before`: trials known from the beginning, as of an experiment that
    is resumed. Events at the same time come in the order in which they were begun. The same arguments, the same replay.
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
