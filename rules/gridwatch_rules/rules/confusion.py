"""Confusion: the predictions of a step confuse classes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.classes import class_numbers
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, text
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class ConfusionParameters:
    category_no: int | None = integer(
        None, "number of classes; by default as many as labels or predictions show", minimum=1
    )
    labels: str = text("labels", "name of the labels' tensor")
    predictions: str = text("predictions", "name of the predictions' tensor")
    labels_collection: str = text("labels", "collection of the labels, when no tensor has the name")
    predictions_collection: str = text("predictions", "collection of the predictions, when no tensor has the name")
    min_diag: float = number(0.9, "the least share on the diagonal", minimum=0, maximum=1)
    max_off_diag: float = number(0.1, "the largest share off the diagonal", minimum=0, maximum=1)
    normalization: str = text(
        "predictions",
        "shares of what was predicted as a class, or of what is labelled so",
        choices=("predictions", "labels"),
    )


class Confusion(Rule):
    """Fires when the matrix of counts M[label][prediction] of one step is not close enough to diagonal.

    For each class i that was predicted: M[i][i] / sum_j M[j][i] < `min_diag`, or for j != i M[j][i] / sum_k M[k][i] >
    `max_off_diag`. AWS prints the sum over the diagonal under the first fraction; with it no perfect prediction of more
    than one class could pass, so the column's sum stands there (`normalization` "labels": the row's). Scores per class
    are taken by their largest. Source: SageMaker Developer Guide, "List of Debugger built-in rules", Confusion.
    """

    name = "Confusion"
    summary = "predictions of a step confuse classes"
    Parameters = ConfusionParameters
    parameters: ConfusionParameters
    judged = 0

    def __init__(self, parameters: ConfusionParameters) -> None:
        super().__init__(parameters)
        self._labels = Requirement((parameters.labels_collection,))
        self._predictions = Requirement((parameters.predictions_collection,))

    def requirement(self) -> Requirement:
        chosen = self.parameters
        names = (f"^{re.escape(chosen.labels)}$", f"^{re.escape(chosen.predictions)}$")
        return Requirement((chosen.labels_collection, chosen.predictions_collection), names)

    def looks_for(self) -> str:
        chosen = self.parameters
        labels = f"{chosen.labels} (or a tensor of the collection {chosen.labels_collection})"
        return f"{labels} and {chosen.predictions} (or one of {chosen.predictions_collection}) at one step"

    def check(self, view: StepView) -> Finding | None:
        label = _pick(view, self.parameters.labels, self._labels)
        prediction = _pick(view, self.parameters.predictions, self._predictions)
        if label is None or prediction is None:
            return None
        truth, guess = (class_numbers(view.value(name), argmax=True) for name in (label, prediction))
        if truth.shape != guess.shape or not truth.size:
            raise ValueError(f"{prediction} has {guess.size} samples, {label} has {truth.size}")
        self.judged += 1
        return self._judge(view, prediction, self._matrix(truth, guess))

    def _matrix(self, truth: NDArray[Any], guess: NDArray[Any]) -> NDArray[Any]:
        """The matrix of counts, of shape (classes, classes), with one row for each label."""
        import numpy as np

        largest = int(max(truth.max(), guess.max()))
        categories = self.parameters.category_no or largest + 1
        if largest >= categories or min(truth.min(), guess.min()) < 0:
            raise ValueError(f"classes are 0 to {categories - 1}, but {largest} or a negative one occurs")
        counts = np.bincount(truth * categories + guess, minlength=categories**2)
        return counts.reshape(categories, categories)

    def _judge(self, view: StepView, tensor: str, matrix: NDArray[Any]) -> Finding | None:
        by_label = self.parameters.normalization == "labels"
        lines = matrix if by_label else matrix.T  # shares are of the sum of a line
        for one, line in enumerate(lines):
            total = int(line.sum())
            if not total:
                continue
            what = f"of the samples {'labelled' if by_label else 'predicted as'} {one}"
            if line[one] / total < self.parameters.min_diag:
                share = float(line[one] / total)
                sentence = f"{100 * share:.3g} % {what} are right (at least {100 * self.parameters.min_diag:g} %)"
                return self.finding(view, tensor, share, self.parameters.min_diag, sentence)
            for other, count in enumerate(line):
                share = float(count / total)
                if other != one and share > self.parameters.max_off_diag:
                    are = f"are {'predicted as' if by_label else 'labelled'} {other}"
                    sentence = f"{100 * share:.3g} % {what} {are} (at most {100 * self.parameters.max_off_diag:g} %)"
                    return self.finding(view, tensor, share, self.parameters.max_off_diag, sentence)
        return None


def _pick(view: StepView, name: str, collection: Requirement) -> str | None:
    if view.has(name):
        return name
    return next((found for found in view.names(collection) if view.has(found)), None)
