"""SimilarAcrossRuns: compares a job's tensors with those of another job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import names, number, text
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.selection import SelectionParameters
from gridwatch_rules.tensors.errors import TensorUnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class SimilarAcrossRunsParameters(SelectionParameters):
    other_trials: tuple[str, ...] = names((), "tensor folders (s3:// or local) of finished jobs", required=True)
    fires_when: str = text(
        "different", "whether a difference or a likeness is the issue", choices=("different", "similar")
    )
    rtol: float = number(1e-5, "relative tolerance of numpy.allclose", minimum=0)
    atol: float = number(1e-8, "absolute tolerance of numpy.allclose", minimum=0)


class SimilarAcrossRuns(Rule):
    """Fires when a tensor differs, in the sense of numpy.allclose, from the same tensor of another job at the same
    step.

    Tensors and steps that the other job did not save are passed over. The historic documentation has it fire on
    difference, for the rule asserts similarity; its name suggests the opposite, hence `fires_when`. The comparison
    itself is not documented. Source: SageMaker Developer Guide, "List of Debugger built-in rules", SimilarAcrossRuns.
    """

    name = "SimilarAcrossRuns"
    summary = "tensors differ from those of another job at the same step"
    Parameters = SimilarAcrossRunsParameters
    parameters: SimilarAcrossRunsParameters
    judged = 0

    def requirement(self) -> Requirement:
        collections, regexes = self.parameters.collection_names, self.parameters.tensor_regex
        return Requirement(collections, regexes, everything=not (collections or regexes))

    def looks_for(self) -> str:
        others = ", ".join(self.parameters.other_trials)
        return f"numbers in {self.required.in_words} that {others} saved at the same steps"

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            mine = numbers_of(view, name)
            if mine is None:
                continue
            for other in self.parameters.other_trials:
                theirs = _value_of(view, other, name)
                self.judged += theirs is not None
                if theirs is not None and self._is_issue(mine, theirs):
                    verb = "differs from" if self.parameters.fires_when == "different" else "is the same as in"
                    distance = _distance(mine, theirs)
                    return self.finding(
                        view, name, distance, self.parameters.atol, f"{name} {verb} {other} at this step"
                    )
        return None

    def finish(self, view: StepView | None) -> Finding | None:
        for other in self.parameters.other_trials:
            if view is not None and view.reader.other(other).is_empty():
                raise ValueError(f"there are no tensors in {other}, so nothing was compared")
        return None

    def _is_issue(self, mine: NDArray[Any], theirs: NDArray[Any]) -> bool:
        import numpy as np

        chosen = self.parameters
        same = mine.shape == theirs.shape and np.allclose(
            theirs, mine, rtol=chosen.rtol, atol=chosen.atol, equal_nan=True
        )
        return bool(same) is (chosen.fires_when == "similar")


def _value_of(view: StepView, other: str, name: str) -> NDArray[Any] | None:
    import numpy as np

    reader = view.reader.other(other)
    saved = reader.step(view.step)
    try:
        value = reader.value(saved, name) if saved is not None else None
    except TensorUnavailableError:
        return None
    return value.astype(np.float64) if value is not None and value.size and value.dtype.kind in "biuf" else None


def _distance(mine: NDArray[Any], theirs: NDArray[Any]) -> float | None:
    import numpy as np

    return float(np.abs(mine - theirs).max()) if mine.shape == theirs.shape else None
