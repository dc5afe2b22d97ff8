"""The accepted spec as the platform reads it after acceptance: typed, without the pydantic model, and read here alone.

Documents of older versions lack sections and those of newer ones have unknown keys: a missing section has its default
and an unknown key is ignored. A section is read when it is asked for, so that a damaged one harms only what needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.measured import Measured
from gridwatch.state.codec import from_document

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The people whose experiment it is, and the tags of its training jobs."""

    owner: str | None = None
    team: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """The claim in words, and the CEL expression that is true when it holds."""

    text: str | None = None
    expression: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The metric by which trials are compared, and the direction in which it is better."""

    metric: str
    direction: str = ""

    @property
    def maximize(self) -> bool:
        return self.direction == "maximize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The static hyperparameters and the sections that describe the search space."""

    hyperparameters: Mapping[str, Any] | None = None
    grid: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The script and the processing jobs that prepared the data."""

    script: str | None = None
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the account the experiment may take; None: the spec sets no such limit."""

    trials: int | None = None
    deadline: str | None = None
    budget: Measured | None = None
    max_failures: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """The share of a job's price that looks may cost, and the seconds between two looks."""

    share: Measured | None = None
    every: Measured | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomedRegions:
    """What is done with trials that wait where trials fail, and when a region counts as doomed."""

    action: str
    confidence: Measured
    share: Measured
    min_failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The rules whose stopped trials are trained once more, and the one change that is made."""

    rules: tuple[str, ...]
    hyperparameter: str
    times: Measured | None = None
    becomes: Any = None
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """The name of Gridwatch's or AWS's algorithm, or the address of the user's own image."""

    name: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """The search that SageMaker's tuning job makes, with the algorithms that it chooses from where it has several."""

    algorithms: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _StartFrom:
    experiment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resources:
    role: str | None = None


@dataclass(frozen=True)
class AcceptedSpec:
    """The typed view of a normalized spec. Each section raises ValueError with its name where it is damaged."""

    document: Mapping[str, Any] = field(repr=False)

    @cached_property
    def labels(self) -> Labels:
        return from_document(Labels, self.document)

    @cached_property
    def points(self) -> Points:
        return from_document(Points, self.document)

    @cached_property
    def objective(self) -> Objective | None:
        """The objective; None for a rule set that names none."""
        return self._section("objective", Objective)

    @property
    def stated_objective(self) -> Objective:
        """The objective, which every spec has. Raises ValueError for a document without one."""
        if self.objective is None:
            raise ValueError("the spec has no objective")
        return self.objective

    @property
    def metric(self) -> str | None:
        """The objective's metric."""
        return self.objective.metric if self.objective else None

    @property
    def maximize(self) -> bool:
        return self.objective is not None and self.objective.maximize

    @cached_property
    def hypothesis(self) -> Hypothesis:
        claim = self.document.get("hypothesis")
        if isinstance(claim, str):
            return Hypothesis(text=claim)
        return self._section("hypothesis", Hypothesis) or Hypothesis()

    @cached_property
    def preprocessing(self) -> Preprocessing:
        return self._section("preprocessing", Preprocessing) or Preprocessing()

    @cached_property
    def limits(self) -> Limits:
        return self._section("limits", Limits) or Limits()

    @cached_property
    def watching(self) -> Watching | None:
        return self._section("watching", Watching)

    @cached_property
    def doomed_regions(self) -> DoomedRegions | None:
        return self._section("doomed_regions", DoomedRegions)

    @cached_property
    def repair(self) -> Repair | None:
        return self._section("repair", Repair)

    @cached_property
    def algorithm(self) -> Algorithm:
        return self._section("algorithm", Algorithm) or Algorithm()

    @cached_property
    def tune(self) -> Tune | None:
        return self._section("tune", Tune)

    @property
    def earlier_experiment(self) -> str | None:
        """The experiment whose best model the trials start from."""
        start = self._section("start_from", _StartFrom)
        return start.experiment if start else None

    @property
    def role(self) -> str | None:
        """The role that the spec gives its jobs in place of the deployment's."""
        resources = self._section("resources", _Resources)
        return resources.role if resources else None

    def _section(self, name: str, kind: type[S]) -> S | None:
        """The section of that name; None when it is absent or empty."""
        section = self.document.get(name)
        if not section:
            return None
        try:
            return from_document(kind, section)
        except ValueError as error:
            raise ValueError(f"{name} of the spec: {error}") from error


def spec_of(record: ExperimentRecord) -> AcceptedSpec:
    """The typed view of the spec that the experiment was accepted with."""
    return AcceptedSpec(record.document)
