"""Runs rules written for smdebug on a complete grid's curves. Each report is a step; its scalars are the tensors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridwatch_rules.judgement.grids import Grid, GridError
from gridwatch_rules.judgement.replay import FixedStops
from gridwatch_rules.judgement.trial_rules import collections_of, nothing_to_see, scalars_of
from gridwatch_rules.rules.custom.smdebug.core.index_reader import IndexReader
from gridwatch_rules.rules.custom.smdebug.exceptions import (
    NoMoreData,
    RuleEvaluationConditionMet,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from gridwatch_rules.rules.custom.smdebug.rules import Rule
from gridwatch_rules.rules.custom.smdebug.trials import Trial
from gridwatch_rules.tensors.index import WorkerStep
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.source import ByteRange

_WORKER = "worker_0"


class CurveTensors:
    """A trial's scalars in place of a job's tensors. Steps are the numbers of the reports, from 0, without modes."""

    ended = True

    def __init__(self, scalars: Mapping[str, Sequence[float]]) -> None:
        self._scalars = scalars

    def worker_steps(self) -> Iterator[WorkerStep]:
        for step in range(max(map(len, self._scalars.values()), default=0)):
            names = tuple(name for name, values in self._scalars.items() if step < len(values))
            places = {name: ByteRange("", step) for name in names}  # a curve's values are in no object
            yield WorkerStep(step, _WORKER, Mode.GLOBAL, step, places, {}, names)

    def collection_files(self) -> Mapping[str, bytes]:
        described = {
            name: {"name": name, "include_regex": [], "tensor_names": sorted(each.tensor_names)}
            for name, each in collections_of(self._scalars).by_name.items()
        }
        document = {"collections": described, "_meta": {"num_workers": 1}}
        return {f"collections/000000000/{_WORKER}_collections.json": json.dumps(document).encode()}

    def value(self, place: ByteRange, name: str) -> NDArray[Any]:
        return np.asarray([self._scalars[name][place.start]])

    def events_after(self, key: str) -> Sequence[str]:
        del key
        return ()


class CurveTrial(Trial):
    """A grid's trial in the form of smdebug's trials."""

    def __init__(self, name: str, scalars: Mapping[str, Sequence[float]]) -> None:
        super().__init__(name)
        self.path = name
        self.index_reader = IndexReader(name)
        self.index_reader.recorded = CurveTensors(scalars)
        self._load()


def smdebug_stops(grid: Grid, rule: type[Rule], parameters: Mapping[str, Any]) -> FixedStops:
    """Find the report at which a new instance of the rule fires, for each trial. Raises GridError when the rule asks
    for other trials, when it fails, and when it found nothing to judge in any trial.
    """
    if "other_trials" in parameters:
        raise GridError(f"{rule.__name__}: other_trials are jobs with tensors, which a grid of curves does not have")
    after: dict[str, int] = {}
    looked = 0
    for trained in grid.trials:
        trial = CurveTrial(trained.name, scalars_of(trained))
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
    """The number of the report at which the rule fires, and the number of reports at which it had the tensors that it
    asked for.
    """
    looked = 0
    for step in range(reports):
        try:
            rule.invoke(step)
        except (TensorUnavailableForStep, StepUnavailable, TensorUnavailable):
            continue  # a live evaluation does the same
        except NoMoreData:
            break
        except RuleEvaluationConditionMet:
            return step + 1, looked + 1
        looked += 1
    return None, looked
