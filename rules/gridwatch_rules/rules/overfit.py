"""Overfit: the validation loss lies too far above the training loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import exceeds
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.phases import Phase, phased
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class OverfitParameters:
    tensor_regex: tuple[str, ...] = patterns((), "patterns of the names of further losses")
    start_step: int = integer(0, "the first global step that counts", minimum=0)
    patience: int = integer(1, "evaluations in a row that must be too far apart", minimum=1)
    ratio_threshold: float = number(0.1, "(validation loss - training loss) / training loss that is no issue")


@dataclass(slots=True)
class _Loss:
    """The sums of one loss since the last comparison, and the number of bad comparisons in a row."""

    training: list[float] = field(default_factory=lambda: [0.0, 0])
    validation: list[float] = field(default_factory=lambda: [0.0, 0])
    in_a_row: int = 0
    tensor: str = ""
    compared: int = 0

    def add(self, phase: Phase, value: float) -> None:
        sums = self.training if phase is Phase.TRAINING else self.validation
        sums[0] += value
        sums[1] += 1


class Overfit(Rule):
    """Fires when (mean validation loss - mean training loss) / mean training loss exceeded `ratio_threshold` in
    `patience` evaluations in a row.

    An evaluation is over when a training step follows steps of mode EVAL, or with the job. It compares the mean of a
    loss over its steps with the mean over the training steps since the evaluation before (AWS does not say which
    values are averaged). Where steps have no mode, losses are paired by name (`train-error` with `validation-error`,
    `loss` or `train_loss` with `val_loss`, `loss/train` with `loss/val`) and every saved step is an evaluation. Losses
    are the collections `losses` and `metrics` and what `tensor_regex` names, less metrics that are better when higher.
    Source: SageMaker Developer Guide, "List of Debugger built-in rules", Overfit.
    """

    name = "Overfit"
    summary = "the validation loss lies too far above the training loss"
    Parameters = OverfitParameters
    parameters: OverfitParameters
    judged = 0

    def __init__(self, parameters: OverfitParameters) -> None:
        super().__init__(parameters)
        self._losses: dict[str, _Loss] = {}
        self._evaluating = False

    def requirement(self) -> Requirement:
        return Requirement(("losses", "metrics"), self.parameters.tensor_regex)

    def looks_for(self) -> str:
        patience, start = self.parameters.patience, self.parameters.start_step
        checks = f", {patience} times" if patience > 1 else ""
        return (
            f"a loss (a number that is better when lower) of training and the same of validation in "
            f"{self.required.in_words}{checks}{f', from step {start} on' if start else ''}"
        )

    def check(self, view: StepView) -> Finding | None:
        if view.step < self.parameters.start_step or view.mode is Mode.PREDICT:
            return None
        finding = None
        if view.mode is Mode.TRAIN and self._evaluating:
            finding = self._compare(view)
            self._evaluating = False
        self._add(view)
        if view.mode is Mode.GLOBAL:
            return self._compare(view)
        self._evaluating = self._evaluating or view.mode is Mode.EVAL
        return finding

    def finish(self, view: StepView | None) -> Finding | None:
        return self._compare(view) if view is not None and self._evaluating else None

    def _add(self, view: StepView) -> None:
        for name in view.names(self.required):
            found = phased(name, view.mode)
            value = view.scalar(name) if found else None
            if found is None or value is None:
                continue
            loss = self._losses.setdefault(found.metric, _Loss())
            loss.add(found.phase, value)
            if found.phase is Phase.VALIDATION or not loss.tensor:
                loss.tensor = name

    def _compare(self, view: StepView) -> Finding | None:
        """Compare each loss of which both kinds were seen, and reset its sums."""
        for loss in self._losses.values():
            if not (loss.training[1] and loss.validation[1]):
                continue
            training, validation = loss.training[0] / loss.training[1], loss.validation[0] / loss.validation[1]
            loss.training, loss.validation = [0.0, 0], [0.0, 0]
            ratio = _ratio(training, validation)
            loss.compared += 1
            self.judged += loss.compared >= self.parameters.patience and not math.isnan(ratio)
            loss.in_a_row = loss.in_a_row + 1 if exceeds(ratio, self.parameters.ratio_threshold) else 0
            if loss.in_a_row >= self.parameters.patience:
                checks = f"{loss.in_a_row} checks" if loss.in_a_row > 1 else "1 check"
                limit = self.parameters.ratio_threshold
                sentence = (
                    f"{loss.tensor}: validation loss ({validation:.6g}) lies {100 * ratio:.3g} % above training loss "
                    f"({training:.6g}) for {checks} (limit {100 * limit:g} %)"
                )
                return self.finding(view, loss.tensor, ratio, limit, sentence)
        return None

    def save(self) -> dict[str, Any]:
        losses = {
            metric: [loss.training, loss.validation, loss.in_a_row, loss.tensor, loss.compared]
            for metric, loss in self._losses.items()
        }
        return {"losses": losses, "evaluating": self._evaluating}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._evaluating = bool(saved["evaluating"])
        self._losses = {
            metric: _Loss(list(training), list(validation), *rest)
            for metric, (training, validation, *rest) in saved["losses"].items()
        }


def _ratio(training: float, validation: float) -> float:
    difference = validation - training
    if training == 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / abs(training)
