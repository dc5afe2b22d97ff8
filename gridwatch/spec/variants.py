"""Splits a spec that tunes several algorithms into one spec for each, so that the checks of a spec apply to each of
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem


@dataclass(frozen=True, slots=True)
class Variant:
    """One algorithm's spec. `name` None: the spec itself. `fields` are those that the algorithm sets for itself."""

    name: str | None
    spec: ExperimentSpec
    fields: frozenset[Path] = frozenset()

    def placed(self, problem: Problem) -> Problem:
        """The problem with the path that it has in the whole spec."""
        if self.name is None:
            return problem
        within = ("tune", "algorithms", self.name)
        if problem.path[:2] == ("tune", "parameters"):
            return replace(problem, path=(*within, *problem.path[1:]))
        if problem.path[:2] == ("objective", "metric") and ("metric",) in self.fields:
            return replace(problem, path=(*within, "metric"))
        if any(problem.path[: len(field)] == field for field in self.fields):
            return replace(problem, path=(*within, *problem.path))
        return problem


def variants(spec: ExperimentSpec) -> tuple[Variant, ...]:
    """The algorithms of a tuning job in the spec's order; for every other spec, the spec itself."""
    if spec.tune is None or not spec.tune.algorithms:
        return (Variant(None, spec),)
    return tuple(_variants(spec))


def _variants(spec: ExperimentSpec) -> Iterator[Variant]:
    if spec.tune is None:
        return
    for name, tuned in spec.tune.algorithms.items():
        told: dict[str, Any] = {
            "tune": spec.tune.model_copy(update={"parameters": tuned.parameters, "algorithms": {}}),
            "hyperparameters": {**spec.hyperparameters, **tuned.hyperparameters},
        }
        fields: set[Path] = {("hyperparameters", each) for each in tuned.hyperparameters}
        for field in ("algorithm", "resources"):
            if getattr(tuned, field) is not None:
                told[field] = getattr(tuned, field)
                fields.add((field,))
        if tuned.metric is not None:
            told["objective"] = spec.objective.model_copy(update={"metric": tuned.metric})
            fields.add(("metric",))
        yield Variant(name, spec.model_copy(update=told), frozenset(fields))


def once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems without those that several algorithms share."""
    return iter(dict.fromkeys(problems))
