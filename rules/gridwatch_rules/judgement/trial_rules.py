"""Runs rules that look at one trial alone (on tensors, by expressions, users' own) on the curves of a complete grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from gridwatch_rules.judgement.grids import Grid, GridError, Trained
from gridwatch_rules.judgement.replay import FixedStops
from gridwatch_rules.rules.requirement import Requirement, Selector
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.view import StepView
from gridwatch_rules.tensors.collections import Collection, Collections
from gridwatch_rules.tensors.errors import TensorUnavailableError
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names of series in files of curves -> the names that the frameworks' hooks would have written.
_NAMES = {
    "train_loss": "loss",
    "validation_loss": "val_loss",
    "accuracy": "val_accuracy",
}


class CurveView(StepView):
    """One report of a trial as a step without modes, whose tensors are the scalars of that report. Its step is the
    number of the report, from 0.
    """

    __slots__ = ("_collections", "_place", "_scalars", "_selected")

    def __init__(self, scalars: Mapping[str, Any], place: int, collections: Collections) -> None:
        self._scalars = scalars
        self._place = place
        self._collections = collections
        self._selected: dict[Requirement, tuple[str, ...]] = {}

    @property
    def step(self) -> int:
        return self._place

    @property
    def mode(self) -> Mode:
        return Mode.GLOBAL

    @property
    def mode_step(self) -> int:
        return self._place

    @property
    def reader(self) -> Any:
        raise GridError("the rule asks for more than the curves of scalars")

    def at(self, place: int) -> CurveView:
        self._place = place
        return self

    def names(self, requirement: Requirement) -> tuple[str, ...]:
        found = self._selected.get(requirement)
        if found is None:
            found = self._selected[requirement] = self.selector(requirement).select(tuple(self._scalars))
        return tuple(name for name in found if self._place < len(self._scalars[name]))

    def selector(self, requirement: Requirement) -> Selector:
        return Selector(requirement, self._collections)

    def has(self, name: str) -> bool:
        return name in self._scalars and self._place < len(self._scalars[name])

    def scalar(self, name: str, step: int | None = None) -> float | None:
        series = self._scalars.get(name)
        place = self._place if step is None else step
        if series is None or not 0 <= place < len(series):
            raise TensorUnavailableError(name, place)
        return float(series[place])

    def value(self, name: str, step: int | None = None, worker: str | None = None) -> NDArray[Any]:
        import numpy as np

        del worker
        return np.asarray(self.scalar(name, step))

    def values(self, name: str) -> Mapping[str, NDArray[Any]]:
        return {"worker_0": self.value(name)}

    def saved_reductions(self, name: str) -> Mapping[tuple[str, bool], float]:
        del name
        return {}

    def reduction(self, name: str, kind: str, *, absolute: bool = False, step: int | None = None) -> float:
        value = cast(float, self.scalar(name, step))
        if kind in ("std", "variance"):
            return 0.0
        return abs(value) if absolute or kind in ("l1", "l2") else value


def stops_of(grid: Grid, make: Callable[[], Rule]) -> FixedStops:
    """Find the report at which the rule, created afresh for each trial, finds something. Raises GridError when it looks
    at none of the grid's series.
    """
    after: dict[str, int] = {}
    sighted = False
    for trial in grid.trials:
        scalars = scalars_of(trial)
        view = CurveView(scalars, 0, collections_of(scalars))
        rule = make()
        sighted = sighted or bool(view.selector(rule.required).select(tuple(scalars)))
        found = _first_finding(rule, view, trial)
        if found is not None:
            after[trial.name] = found
    if not sighted:
        raise nothing_to_see(rule.name, grid)
    return FixedStops(after)


def _first_finding(rule: Rule, view: CurveView, trial: Trained) -> int | None:
    for place in range(len(trial.losses)):
        try:
            if rule.check(view.at(place)) is not None:
                return place + 1
        except TensorUnavailableError:
            continue  # as in live evaluation, a step without a needed tensor is passed over
    return None


def nothing_to_see(rule: str, grid: Grid) -> GridError:
    """The error for a rule that looks at none of the grid's series."""
    there = ", ".join(sorted({name for trial in grid.trials for name in scalars_of(trial)}))
    return GridError(f"{rule} looks at none of the curves of {grid.name}; there are {there}")


def scalars_of(trial: Trained) -> Mapping[str, Sequence[float]]:
    """The trial's series under the names that rules know."""
    return {_NAMES.get(key, key): values for key, values in trial.series.items() if len(values)}


def collections_of(scalars: Mapping[str, Any]) -> Collections:
    """The collections that a hook would have made: `metrics` with all series, `losses` with those that have loss in
    their name.
    """
    names = frozenset(scalars)
    losses = frozenset(name for name in names if "loss" in name.lower())
    return Collections({"metrics": Collection(names), "losses": Collection(losses), "all": Collection(names)})


def not_finite(grid: Grid) -> FixedStops:
    """A judge that stops each trial at the first value of the judged metric that is not finite."""
    after = {}
    for trial in grid.trials:
        place = next((place for place, loss in enumerate(trial.losses, 1) if math.isinf(loss)), None)
        if place is not None:
            after[trial.name] = place
    return FixedStops(after)
