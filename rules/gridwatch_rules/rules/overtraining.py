"""Overtraining: a loss has stopped improving, yet the job goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.phases import Phase, phased
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class OvertrainingParameters:
    patience_train: int = integer(5, "saved training losses in a row without improvement that are too many", minimum=1)
    patience_validation: int = integer(10, "saved validation losses in a row without improvement", minimum=1)
    delta: float = number(0.01, "what a loss must fall below its best so far to count as better", minimum=0)
    tensor_regex: tuple[str, ...] = patterns((), "patterns of the names of further losses")


class Overtraining(Rule):
    """Fires when a training loss had no new best for `patience_train`, or a validation loss for `patience_validation`,
    of its saved values.

    A value is a new best when it is more than `delta` (absolute) below the best so far. That either of the two
    suffices, and that values are counted where they were saved, is our reading of AWS's text. Losses are recognised as
    Overfit does. Source: SageMaker Developer Guide, "List of Debugger built-in rules", Overtraining.
    """

    name = "Overtraining"
    summary = "the training or the validation loss has not improved for long"
    Parameters = OvertrainingParameters
    parameters: OvertrainingParameters
    judged = 0

    def __init__(self, parameters: OvertrainingParameters) -> None:
        super().__init__(parameters)
        self._best: dict[str, list[float]] = {}  # phase and loss -> best value, and saved values since
        self._seen: dict[str, int] = {}

    def requirement(self) -> Requirement:
        return Requirement(("losses", "metrics"), self.parameters.tensor_regex)

    def looks_for(self) -> str:
        train, validation = self.parameters.patience_train, self.parameters.patience_validation
        return (
            f"a loss (a number that is better when lower) in {self.required.in_words}: of training at more than "
            f"{train} saved steps, or of validation at more than {validation}"
        )

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            found = phased(name, view.mode)
            value = view.scalar(name) if found else None
            if found is None or value is None:
                continue
            patience = (
                self.parameters.patience_train if found.phase is Phase.TRAINING else self.parameters.patience_validation
            )
            key = f"{found.phase}:{name}"
            since = self._since_best(key, value)
            self._seen[key] = self._seen.get(key, 0) + (key in self._best)
            self.judged += self._seen[key] > patience
            if since >= patience:
                best = self._best[key][0]
                sentence = (
                    f"the {found.phase} loss {name} ({value:.6g}) has not improved on {best:.6g} by more than "
                    f"{self.parameters.delta:g} for {since} saved values (limit {patience})"
                )
                return self.finding(view, name, since, patience, sentence)
        return None

    def _since_best(self, key: str, value: float) -> int:
        best = self._best.get(key)
        if best is None or value < best[0] - self.parameters.delta:
            if math.isfinite(value):
                self._best[key] = [value, 0]
            return 0
        best[1] += 1
        return int(best[1])

    def save(self) -> dict[str, Any]:
        return {"best": self._best, "seen": self._seen}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._best = {key: list(best) for key, best in saved["best"].items()}
        self._seen = dict(saved.get("seen", {}))
