"""The base of all rules across trials, and their judgements."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Self

from gridwatch_rules.judgement.history import Curve, History
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.rules.parameters import parse_parameters, text
from gridwatch_rules.rules.requirement import Collect
from gridwatch_rules.rules.rule import Scope

# When there are more values than this, only this many are shown, evenly spread over the ranks.
_MOST_VALUES = 256


@dataclass(frozen=True, slots=True)
class JudgementParameters:
    """The parameters of every rule across trials."""

    metric: str | None = text(None, "the scalar it judges by; by default the experiment's objective")
    direction: str = text(
        "auto",
        "which way is better; `auto`: as the experiment's objective, else by the metric's name",
        choices=("auto", "min", "max"),
    )
    resource: str = text(
        "epochs",
        "what training is counted in: `rounds` (the global step, from 1), `epochs` (reports of the metric, from 1) "
        "or `seconds` (since the trial's first step)",
        choices=("rounds", "epochs", "seconds"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict that a trial should be stopped, because at `resource` (in the rule's unit) `observed` was worse than
    `threshold`, both in the metric's own unit. `evidence` is plain JSON with every value that led to the verdict.
    """

    rule: str
    trial: str
    resource: float
    observed: float
    threshold: float | None
    sentence: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


class JudgementRule(ABC):
    """Judges a trial by what the trials of its experiment have reported before.

    It has no state of its own. A verdict depends only on the parameters and the history, so asking again gives the same
    answer. It is asked after each report of a trial, in the order of the resource.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    scope: ClassVar[Scope] = Scope.EXPERIMENT
    collect: ClassVar[tuple[Collect, ...]] = (Collect("metrics"), Collect("losses"))
    Parameters: ClassVar[type[Any]] = JudgementParameters
    compares: ClassVar[bool] = True  # whether it compares the trial with others

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    @classmethod
    def create(cls, given: Mapping[str, object]) -> Self:
        """Create the rule with these parameters. Raises RuleConfigurationError when they are wrong."""
        return cls(parse_parameters(cls.name, cls.Parameters, given))

    @property
    def reports_needed(self) -> int:
        """The number of reports of its metric that it needs before it judges a trial."""
        return 1

    @property
    def resource_needed(self) -> float:
        """The resource that a trial must have reached before it is judged."""
        return 0

    def looks_for(self) -> str:
        """A text completing "the rule looks for …", which names what a trial must have reported to be judged."""
        reports = f"{self.reports_needed} reports" if self.reports_needed > 1 else "a report"
        start = f", from {self.resource_needed:g} {self.parameters.resource} on" if self.resource_needed > 1 else ""
        return f"{reports} of {self.parameters.metric or 'the objective'}{start}"

    def maximizes(self, metric: str, objective: str | None = None) -> bool:
        """Whether the metric is better when higher, as told by the rule, else by the objective's direction (`minimize`,
        `maximize`), else by the metric's name. The history must be created with the same answer.
        """
        if self.parameters.direction != "auto":
            return bool(self.parameters.direction == "max")
        return is_score(metric) if objective is None else objective == "maximize"

    def judge(self, trial: str, history: History) -> Judgement | None:
        """Judge the trial after its last report. Returns None when it should go on.

        A trial whose last value is not finite is stopped, whatever else the history says. A trial that has reported
        nothing goes on. Raises KeyError for a trial that the history does not know.
        """
        curve = history.curve(trial)
        if not curve.values:
            return None
        if not math.isfinite(curve.values[-1]):
            return self._hopeless(curve)
        return self.compare(curve, history)

    @abstractmethod
    def compare(self, curve: Curve, history: History) -> Judgement | None:
        """Judge a trial whose last value is finite."""

    def _hopeless(self, curve: Curve) -> Judgement:
        at = curve.reached
        return Judgement(
            rule=self.name,
            trial=curve.trial,
            resource=at,
            observed=math.nan,
            threshold=None,
            sentence=f"the metric is not finite after {at:g} {self.parameters.resource}: the trial is hopeless",
            evidence={"resource": at, "observed": "not finite"},
        )

    def stop(
        self,
        curve: Curve,
        history: History,
        *,
        observed: float,
        threshold: float,
        because: str,
        others: Sequence[float] = (),
        details: Mapping[str, object] = MappingProxyType({}),
    ) -> Judgement:
        """Make the verdict with its evidence. Arguments are losses; the verdict is in the metric's own unit. `others`
        are the ranked losses from which the threshold was taken; `details` holds further evidence as JSON.
        """
        shown, limit = history.metric(observed), history.metric(threshold)
        at = curve.reached
        return Judgement(
            rule=self.name,
            trial=curve.trial,
            resource=at,
            observed=shown,
            threshold=limit,
            sentence=f"after {at:g} {self.parameters.resource} {because} ({shown:.6g} against {limit:.6g})",
            evidence={
                "resource": at,
                "observed": shown,
                "threshold": limit,
                "compared": len(others),
                "values": [history.metric(value) if math.isfinite(value) else None for value in _spread(others)],
                **details,
            },
        )


def _spread(ranked: Sequence[float]) -> Sequence[float]:
    if len(ranked) <= _MOST_VALUES:
        return ranked
    last = len(ranked) - 1
    return [ranked[round(place * last / (_MOST_VALUES - 1))] for place in range(_MOST_VALUES)]
