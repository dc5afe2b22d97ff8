"""EvalNeverRuns: the training is not evaluated, or not any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_EVALUATION = r"(?:^|[-/_.:])(?:val|valid|validation|eval|evaluation|test|dev|holdout)(?:$|[-/_.:\d])"
_LEAST_EVALUATIONS = 4  # that tell how far evaluations lie apart


@dataclass(frozen=True, slots=True)
class EvalNeverRunsParameters:
    within: int | None = integer(None, "steps within which the first evaluation must come", minimum=1)
    factor: float = number(5.0, "times the longest way between evaluations that are too many", minimum=1)
    least_steps: int = integer(200, "steps without an evaluation that are no issue", minimum=1)
    tensor_regex: tuple[str, ...] = patterns((_EVALUATION,), "patterns of the names of evaluations' metrics")


class EvalNeverRuns(Rule):
    """Fires when no metric of an evaluation came in the first `within` steps, or when evaluations that came do so no
    more: none for `factor` times the longest way between two of them, and for `least_steps`.

    An evaluation is a step of mode EVAL, or one at which a metric was saved whose name says validation, evaluation or
    test. The ways between evaluations tell only after four of them. Without `within` a training that is never evaluated
    is no issue, since many are not meant to be; the rule then ends as having seen nothing. A wait of some multiples of
    the usual interval is the criterion of a watchdog, as in HyperPod's `expectedRecurringFrequencyInSeconds`
    (SageMaker Developer Guide, log monitoring configuration).
    """

    name = "EvalNeverRuns"
    summary = "the training is not evaluated, or not any more"
    Parameters = EvalNeverRunsParameters
    parameters: EvalNeverRunsParameters
    judged = 0

    def __init__(self, parameters: EvalNeverRunsParameters) -> None:
        super().__init__(parameters)
        self._first: int | None = None
        self._last: int | None = None  # the step of the last evaluation
        self._evaluations = 0
        self._longest = 0

    def requirement(self) -> Requirement:
        return Requirement(patterns=self.parameters.tensor_regex)

    def looks_for(self) -> str:
        if self.parameters.within is not None:
            return f"steps beyond the first {self.parameters.within:,}"
        return f"metrics of {_LEAST_EVALUATIONS} evaluations, or the parameter `within`"

    def check(self, view: StepView) -> Finding | None:
        if self._first is None:
            self._first = view.step
        if view.mode is Mode.EVAL or view.names(self.required):
            self._note(view.step)
            return None
        if self._last is None:
            return self._judge_first(view)
        return self._judge_gap(view) if self._evaluations >= _LEAST_EVALUATIONS else None

    def _note(self, step: int) -> None:
        """Count an evaluation. Its further steps and metrics belong to the same one where they follow at once."""
        self.judged += self.parameters.within is not None
        if self._last is not None:
            self._longest = max(self._longest, step - self._last)
        self._last = step
        self._evaluations += 1

    def _judge_first(self, view: StepView) -> Finding | None:
        within = self.parameters.within
        steps = view.step - (self._first or 0)
        if within is None or steps < within:
            return None
        self.judged += 1
        sentence = f"no metric of an evaluation came in the first {counted(steps, 'step')} (limit {within:,})"
        return self.finding(view, None, steps, within, sentence)

    def _judge_gap(self, view: StepView) -> Finding | None:
        self.judged += 1
        since = view.step - (self._last or 0)
        limit = max(self.parameters.factor * self._longest, self.parameters.least_steps)
        if since <= limit:
            return None
        sentence = (
            f"no metric of an evaluation came for {counted(since, 'step')} after step {self._last}; before they were "
            f"at most {counted(self._longest, 'step')} apart (limit {limit:g})"
        )
        return self.finding(view, None, since, limit, sentence)

    def save(self) -> dict[str, Any]:
        return {
            "first": self._first,
            "last": self._last,
            "evaluations": self._evaluations,
            "longest": self._longest,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._first, self._last = saved["first"], saved["last"]
        self._evaluations, self._longest = int(saved["evaluations"]), int(saved["longest"])
