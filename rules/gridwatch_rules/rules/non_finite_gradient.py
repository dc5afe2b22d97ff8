"""NonFiniteGradient: gradients are NaN or infinite, and no loss scaler explains it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.training_numbers import GRADIENT_NORM, SKIPPED_STEPS
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_SCALER_START = 16  # a scale of 65,536 is halved so often until it is 1


@dataclass(frozen=True, slots=True)
class NonFiniteGradientParameters:
    tensor_regex: tuple[str, ...] = patterns((GRADIENT_NORM,), "patterns of the names of gradient norms")
    patience: int = integer(2, "norms in a row that are not finite at steps that were not skipped", minimum=1)
    skipped_in_a_row: int = integer(20, "steps that a loss scaler skips one after the other", minimum=_SCALER_START + 1)
    window: int = integer(200, "steps over which skipped ones are counted", minimum=20)
    skipped_percent: float = number(10.0, "skipped steps of the window, in percent, that are no issue", minimum=0)


class NonFiniteGradient(Rule):
    """Fires when the norm of the gradients was NaN or infinite at `patience` steps in a row that were not skipped, when
    a loss scaler skipped `skipped_in_a_row` steps one after the other, or more than `skipped_percent` of the last
    `window` steps.

    A loss scaler (PyTorch's GradScaler) finds its scale by steps whose gradients overflow: it begins at 65,536, halves
    with each such step, which it skips, and tries twice the scale after 2,000 steps without one (PyTorch documentation,
    torch.amp.GradScaler; Micikevicius et al., "Mixed Precision Training", 2018). So up to 16 skipped steps at the start
    and about one in 2,000 afterwards are healthy. Gradients that are not finite at any scale end in one skipped step
    after the other. Where it is not known whether a step was skipped, as in a log, up to 16 norms that are not finite
    count as the scaler's while none has been finite.
    """

    name = "NonFiniteGradient"
    summary = "gradients are NaN or infinite, and no loss scaler explains it"
    Parameters = NonFiniteGradientParameters
    parameters: NonFiniteGradientParameters
    judged = 0

    def __init__(self, parameters: NonFiniteGradientParameters) -> None:
        super().__init__(parameters)
        self._norms = Requirement(patterns=parameters.tensor_regex)
        self._steps = 0
        self._skipped: list[int] = []  # the last skipped steps, by their count
        self._skipped_run = 0
        self._run = 0
        self._was_finite = False

    def requirement(self) -> Requirement:
        return Requirement(patterns=(*self.parameters.tensor_regex, f"^{SKIPPED_STEPS}$"))

    def looks_for(self) -> str:
        return f"a norm named like {', '.join(self.parameters.tensor_regex)}, or {SKIPPED_STEPS}"

    def check(self, view: StepView) -> Finding | None:
        self._steps += 1
        self.judged += bool(view.names(self.required))
        if view.scalar(SKIPPED_STEPS):
            return self._note_skipped(view)
        self._skipped_run = 0
        norms = {name: value for name in view.names(self._norms) if (value := view.scalar(name)) is not None}
        wrong = next((name for name, value in norms.items() if not math.isfinite(value)), None)
        if wrong is None:
            self._was_finite = self._was_finite or bool(norms)
            self._run = 0 if norms else self._run
            return None
        self._run += 1
        limit = self.parameters.patience if self._was_finite else max(self.parameters.patience, _SCALER_START + 1)
        if self._run < limit:
            return None
        sentence = f"{wrong} is {norms[wrong]} at {counted(self._run, 'step')} in a row, and these were not skipped"
        return self.finding(view, wrong, norms[wrong], None, sentence)

    def _note_skipped(self, view: StepView) -> Finding | None:
        asked = self.parameters
        self._skipped_run += 1
        self._skipped = [step for step in self._skipped if step > self._steps - asked.window] + [self._steps]
        if self._skipped_run >= asked.skipped_in_a_row:
            sentence = f"the loss scaler skipped {self._skipped_run} steps in a row: no scale makes gradients finite"
            return self.finding(view, SKIPPED_STEPS, self._skipped_run, asked.skipped_in_a_row, sentence)
        share = 100 * len(self._skipped) / asked.window
        if self._steps < asked.window or share <= asked.skipped_percent:
            return None
        sentence = (
            f"the loss scaler skipped {len(self._skipped)} of the last {asked.window} steps, {share:.3g} % "
            f"(limit {asked.skipped_percent:g} %)"
        )
        return self.finding(view, SKIPPED_STEPS, share, asked.skipped_percent, sentence)

    def save(self) -> dict[str, Any]:
        return {
            "steps": self._steps,
            "skipped": self._skipped,
            "skipped_run": self._skipped_run,
            "run": self._run,
            "was_finite": self._was_finite,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._steps, self._skipped = int(saved["steps"]), list(saved["skipped"])
        self._skipped_run, self._run = int(saved["skipped_run"]), int(saved["run"])
        self._was_finite = bool(saved["was_finite"])
