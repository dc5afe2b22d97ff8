"""Rules written for smdebug on the curves of a complete grid: each report is a step whose tensors are its scalars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridwatch.judgement.grids import Grid, GridError
from gridwatch.judgement.replay import FixedStops
from gridwatch.judgement.trial_rules import collections_of, nothing_to_see, scalars_of
from gridwatch.rules.custom.replay import SKIPPED
from gridwatch.rules.custom.shim import NoMoreData, Rule, RuleEvaluationConditionMet
from gridwatch.rules.custom.trial import Trial
from gridwatch.tensors.collections import Collections
from gridwatch.tensors.errors import TensorUnavailableError
from gridwatch.tensors.index import WorkerStep
from gridwatch.tensors.modes import Mode
from gridwatch.tensors.reader import Cursor
from gridwatch.tensors.reductions import reduce_tensor
from gridwatch.tensors.source import ByteRange
from gridwatch.tensors.steps import SavedStep

_NOWHERE = ByteRange("")  # curves lie in no object


class CurveTensors:
    """Scalars by name in place of a job's tensors; steps are the reports' numbers, from 0, without modes."""

    def __init__(self, scalars: Mapping[str, Sequence[float]]) -> None:
        self._scalars = scalars
        self._collections = collections_of(scalars)

    def new_steps(self, cursor: Cursor, *, ended: bool) -> Iterator[SavedStep]:
        del cursor, ended  # all of it, at once
        for step in range(max(map(len, self._scalars.values()), default=0)):
            names = tuple(name for name, values in self._scalars.items() if step < len(values))
            places = dict.fromkeys(names, _NOWHERE)
            yield SavedStep.of([WorkerStep(step, "worker_0", Mode.GLOBAL, step, places, {}, names)])

    def collections(self) -> Collections:
        return self._collections

    def value(self, saved: SavedStep, name: str, worker: str | None) -> NDArray[Any]:
        if saved.place(name, worker) is None:
            raise TensorUnavailableError(name, saved.step)
        return np.asarray([self._scalars[name][saved.step]])

    def reduction(self, saved: SavedStep, name: str, kind: str, *, absolute: bool, worker: str | None) -> float:
        return reduce_tensor(self.value(saved, name, worker), kind, absolute=absolute)


def smdebug_stops(grid: Grid, rule: type[Rule], parameters: Mapping[str, Any]) -> FixedStops:
    """After which report a new instance of the rule fires for each trial. Raises GridError when it asks for other
    trials, when it fails, and when it saw nothing of any trial.
    """
    if "other_trials" in parameters:
        raise GridError(f"{rule.__name__}: other_trials are jobs with tensors, which a grid of curves does not have")
    after: dict[str, int] = {}
    looked = 0
    for trained in grid.trials:
        trial = Trial(CurveTensors(scalars_of(trained)), ended=True, name=trained.name)
        try:
            fired, steps = _fires_at(rule(trial, **parameters), len(trained.losses))
        except Exception as error:
            raise GridError(
                f"{grid.name}: {rule.__name__} failed on trial {trained.name}: {type(error).__name__}: {error}"
            ) from error
        looked += steps
        if fired is not None:
            after[trained.name] = fired
    if not looked:
        raise nothing_to_see(rule.__name__, grid)
    return FixedStops(after)


def _fires_at(rule: Rule, reports: int) -> tuple[int | None, int]:
    """The number of the report, and at how many the rule had what it asked for."""
    looked = 0
    for step in range(reports):
        try:
            rule.invoke(step)
        except SKIPPED:
            continue  # as in a live evaluation
        except NoMoreData:
            break
        except RuleEvaluationConditionMet:
            return step + 1, looked + 1
        looked += 1
    return None, looked
