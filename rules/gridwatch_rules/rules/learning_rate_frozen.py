"""LearningRateFrozen: the learning rate is 0 while the training goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, names, number, patterns
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.training_numbers import LEARNING_RATE

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class LearningRateFrozenParameters:
    collection_names: tuple[str, ...] = names(("scalars",), "collections in which learning rates are looked for")
    tensor_regex: tuple[str, ...] = patterns((LEARNING_RATE,), "patterns of the names of learning rates in them")
    at_most: float = number(0.0, "a learning rate up to this one trains nothing", minimum=0)
    patience: int = integer(20, "steps in a row that train nothing", minimum=1)
    share_percent: float = number(
        5.0,
        "such steps in a row, in percent of all steps so far, that are no issue",
        minimum=0,
        maximum=100,
    )


class LearningRateFrozen(Rule):
    """Fires when every learning rate was 0 (or up to `at_most`) for `patience` steps in a row, and for more than
    `share_percent` of all steps so far.

    An optimizer whose rate is 0 changes nothing but by its momentum (PyTorch documentation, SGD and Adam: the update is
    the rate times a direction). A rate of 0 is right at the first step of a warm-up and at the last one of a decay. It
    stays there when nobody calls the scheduler, when it is called once an epoch although it counts steps, and when the
    training is longer than the schedule. Groups of parameters that are frozen on purpose have rates of 0 beside others
    that have not. A constant rate is no issue. Logs are not looked at: they print small rates as 0.
    """

    name = "LearningRateFrozen"
    summary = "the learning rate is 0 while the training goes on"
    Parameters = LearningRateFrozenParameters
    parameters: LearningRateFrozenParameters
    judged = 0

    def __init__(self, parameters: LearningRateFrozenParameters) -> None:
        super().__init__(parameters)
        self._rates = Requirement(patterns=parameters.tensor_regex)
        self._steps = 0
        self._run = 0
        self._last = 0.0

    def requirement(self) -> Requirement:
        return Requirement(self.parameters.collection_names)

    def looks_for(self) -> str:
        named = ", ".join(self.parameters.tensor_regex)
        return f"a learning rate named like {named} in {self.required.in_words}"

    def check(self, view: StepView) -> Finding | None:
        held = set(view.names(self.required))
        rates = {name: view.scalar(name) for name in view.names(self._rates) if name in held}
        known = {name: rate for name, rate in rates.items() if rate is not None}
        if not known:
            return None
        self.judged += 1
        self._steps += 1
        name, highest = max(known.items(), key=lambda pair: pair[1])
        if highest > self.parameters.at_most:
            self._run, self._last = 0, highest
            return None
        self._run += 1
        if self._run < self.parameters.patience or 100 * self._run <= self.parameters.share_percent * self._steps:
            return None
        before = f"after {self._last:.6g}" if self._last else "since the training began"
        sentence = f"{name} is {highest:g} at {self._run:,} steps in a row {before}: nothing is learned"
        return self.finding(view, name, highest, self.parameters.at_most, sentence)

    def save(self) -> dict[str, Any]:
        return {"steps": self._steps, "run": self._run, "last": self._last}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._steps, self._run, self._last = int(saved["steps"]), int(saved["run"]), float(saved["last"])
