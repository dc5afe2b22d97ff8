"""ClassImbalance: one class has many more samples than another, or is mostly mistaken for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.classes import class_numbers
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import flag, integer, number, patterns
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class ClassImbalanceParameters:
    threshold_imbalance: float = number(
        10.0, "the largest class may have this many times the smallest's samples", minimum=1
    )
    threshold_misprediction: float = number(0.7, "the share of a class that may be mistaken", minimum=0, maximum=1)
    samples: int = integer(500, "labels to be seen before anything is judged", minimum=1)
    argmax: bool = flag("predictions (and labels) are scores per class; the largest counts", default=False)
    labels_regex: tuple[str, ...] = patterns((".*labels",), "patterns of the labels' tensors")
    predictions_regex: tuple[str, ...] = patterns((".*predictions",), "patterns of the predictions' tensors")


class ClassImbalance(Rule):
    """Fires, once `samples` labels were seen over the steps, when classes are unequal in number or in success:

    (1) count of the largest class / count of the smallest > `threshold_imbalance` (AWS words the ratio loosely; its
    default 10 makes sense only this way round); (2) share of a class's samples predicted as another one >
    `threshold_misprediction`. Counts run over all steps; a class that never occurred is not known.
    Source: SageMaker Developer Guide, "List of Debugger built-in rules", ClassImbalance.
    """

    name = "ClassImbalance"
    summary = "classes are very unequal in number, or one is mostly mistaken"
    Parameters = ClassImbalanceParameters
    parameters: ClassImbalanceParameters
    judged = 0

    def __init__(self, parameters: ClassImbalanceParameters) -> None:
        super().__init__(parameters)
        self._labels = Requirement(patterns=parameters.labels_regex)
        self._predictions = Requirement(patterns=parameters.predictions_regex)
        self._counts: dict[int, list[int]] = {}  # class -> samples, and how many of them were predicted, and wrongly

    def requirement(self) -> Requirement:
        return Requirement(patterns=(*self.parameters.labels_regex, *self.parameters.predictions_regex))

    def looks_for(self) -> str:
        return f"{self.parameters.samples:,} labels in {self._labels.in_words}"

    def check(self, view: StepView) -> Finding | None:
        labels = sorted(view.names(self._labels))
        if not labels:
            return None
        predictions: list[str | None] = [*sorted(view.names(self._predictions))]
        predictions += [None] * (len(labels) - len(predictions))
        for label, prediction in zip(labels, predictions, strict=False):
            self._count(view, label, prediction)
        if sum(samples for samples, _, _ in self._counts.values()) < self.parameters.samples:
            return None
        self.judged += 1
        return self._check_imbalance(view, labels[0]) or self._check_mistakes(view, predictions[0] or labels[0])

    def _count(self, view: StepView, label: str, prediction: str | None) -> None:
        import numpy as np

        truth = class_numbers(view.value(label), argmax=self.parameters.argmax)
        guess = class_numbers(view.value(prediction), argmax=self.parameters.argmax) if prediction else None
        if guess is not None and guess.shape != truth.shape:
            raise ValueError(f"{prediction} has {guess.size} samples, {label} has {truth.size}")
        for number_of_class, samples in zip(*np.unique(truth, return_counts=True), strict=True):
            counts = self._counts.setdefault(int(number_of_class), [0, 0, 0])
            counts[0] += int(samples)
            if guess is not None:
                counts[1] += int(samples)
                counts[2] += int(np.count_nonzero(guess[truth == number_of_class] != number_of_class))

    def _check_imbalance(self, view: StepView, tensor: str) -> Finding | None:
        most = max(self._counts, key=lambda each: self._counts[each][0])
        least = min(self._counts, key=lambda each: self._counts[each][0])
        ratio = self._counts[most][0] / self._counts[least][0]
        limit = self.parameters.threshold_imbalance
        if ratio <= limit:
            return None
        sentence = f"class {most} has {ratio:.3g} times as many samples as class {least} (limit {limit:g})"
        return self.finding(view, tensor, ratio, limit, sentence)

    def _check_mistakes(self, view: StepView, tensor: str) -> Finding | None:
        limit = self.parameters.threshold_misprediction
        for number_of_class, (_, predicted, wrong) in sorted(self._counts.items()):
            share = wrong / predicted if predicted else 0.0
            if share > limit:
                sentence = (
                    f"{100 * share:.3g} % of class {number_of_class} are predicted as others (limit {100 * limit:g} %)"
                )
                return self.finding(view, tensor, share, limit, sentence)
        return None

    def save(self) -> dict[str, Any]:
        return {"counts": {str(number_of_class): counts for number_of_class, counts in self._counts.items()}}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._counts = {int(number_of_class): list(counts) for number_of_class, counts in saved["counts"].items()}
