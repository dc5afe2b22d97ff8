"""The facts of an experiment that its report needs, computed once from its tables."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gridwatch.reports.experiment.budgets import BestAt, best_by_budget
from gridwatch.reports.experiment.hypothesis import Verdict, judge
from gridwatch.reports.experiment.importance import Importance, importances, varied
from gridwatch.reports.experiment.judged import Replayed, replayed
from gridwatch.reports.experiment.tables import ExperimentTables, Row, Series
from gridwatch.reports.experiment.usage import Usages
from gridwatch.savings.prices import PriceTable

STATES = (
    "completed", "stopped", "failed", "running", "stopping", "starting", "waiting", "refused", "cancelled",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ExperimentFacts:
    """An experiment's facts. `prices` are those by which the snapshot estimated costs; `expression` is the hypothesis
    in CEL; `budgets` are in steps, by default shares of the longest curve.
    """

    tables: ExperimentTables
    prices: PriceTable
    expression: str | None = None
    usages: Usages = field(default=Usages())
    budgets: Sequence[int] = field(default=())

    @property
    def metric(self) -> str:
        return self.tables.experiment.get("objective_metric") or "objective"

    @property
    def direction(self) -> str:
        return self.tables.experiment.get("objective_direction") or "minimize"

    @property
    def complete(self) -> bool:
        return bool(self.tables.experiment.get("complete"))

    @property
    def by_place(self) -> Sequence[Row]:
        """The trials, the best first and those without a result last."""
        rest = [place for place in range(len(self.tables.trials)) if place not in self.places]
        return [self.tables.trials[place] for place in (*self.order, *rest)]

    @cached_property
    def hyperparameters(self) -> Sequence[Mapping[str, Any]]:
        """The hyperparameters of each trial, in the order of the trials; for a tuning job with several algorithms, also
        the algorithm.
        """
        return [{**json.loads(trial["hyperparameters"] or "{}"), **_algorithm(trial)} for trial in self.tables.trials]

    @cached_property
    def order(self) -> Sequence[int]:
        """The places in `tables.trials` of those with a finite objective, the best first."""
        sign = -1.0 if self.direction == "maximize" else 1.0
        ranked = [place for place, trial in enumerate(self.tables.trials) if _is_finite(trial["objective_value"])]
        return sorted(ranked, key=lambda place: sign * self.tables.trials[place]["objective_value"])

    @cached_property
    def places(self) -> Mapping[int, int]:
        """The ranks from 1, by place in `tables.trials`; equal objectives share a rank, as in SQL's rank()."""
        places: dict[int, int] = {}
        for rank, trial in enumerate(self.order, 1):
            before = self.order[rank - 2] if rank > 1 else None
            same = before is not None and self._value(before) == self._value(trial)
            places[trial] = places[before] if same and before is not None else rank
        return places

    @cached_property
    def varied(self) -> Sequence[str]:
        """Hyperparameters that differ, the most important first."""
        rated = [each.name for each in self.importance]
        return [*rated, *(name for name in varied(self.hyperparameters) if name not in rated)]

    @cached_property
    def importance(self) -> Sequence[Importance]:
        return importances([(self.hyperparameters[place], self._value(place)) for place in self.order])

    @cached_property
    def verdict(self) -> Verdict:
        ranked = [{**self.hyperparameters[place], "objective": self._value(place)} for place in self.order]
        return judge(self.expression, ranked, complete=self.complete)

    @cached_property
    def states(self) -> Sequence[tuple[str, int]]:
        counts = Counter(str(trial["state"]) for trial in self.tables.trials)
        return [(state, counts[state]) for state in STATES if counts[state]]

    @cached_property
    def trial_places(self) -> Mapping[str, int]:
        """The place in `tables.trials` of each trial id."""
        return {trial["trial_id"]: place for place, trial in enumerate(self.tables.trials)}

    @cached_property
    def objective_series(self) -> Sequence[Series]:
        marked = [each for each in self.tables.series if each.objective]
        # Tables of earlier versions mark none.
        return marked or [each for each in self.tables.series if each.name == self.metric]

    @cached_property
    def best_at(self) -> Sequence[BestAt]:
        return best_by_budget(self.objective_series, self.direction, self.budgets)

    @cached_property
    def replayed(self) -> Replayed:
        return replayed(self.tables)

    def _value(self, place: int) -> float:
        return float(self.tables.trials[place]["objective_value"])


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _algorithm(trial: Row) -> Mapping[str, Any]:
    algorithm = trial.get("algorithm")  # tables of earlier versions have no such column
    return {"algorithm": algorithm} if algorithm is not None else {}
