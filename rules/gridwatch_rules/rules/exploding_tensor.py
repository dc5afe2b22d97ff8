"""ExplodingTensor: a tensor holds values that are not finite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import flag, names, patterns
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.rules.view import StepView

# These reductions cannot overflow when every element is finite, while sums, products and variances can.
_TELLING = ("min", "max", "mean")

_NO_TREES = r"^(?!trees/)"


@dataclass(frozen=True, slots=True)
class ExplodingTensorParameters:
    collection_names: tuple[str, ...] = names(
        (), "collections to inspect; with no pattern either, every tensor but trees"
    )
    tensor_regex: tuple[str, ...] = patterns((), "patterns of the names of tensors to inspect")
    only_nan: bool = flag("look for NaN alone, not for infinity", default=False)


class ExplodingTensor(Rule):
    """Fires when any element of an inspected tensor, of any worker, is NaN or infinite.

    A tensor of which only reductions were saved is judged by its minimum, maximum or mean. Where nothing is chosen, all
    tensors are inspected but those of an XGBoost model's `trees/`: its leaves have no split, which is saved as NaN.
    Source: SageMaker Developer Guide, "List of Debugger built-in rules", ExplodingTensor.
    """

    name = "ExplodingTensor"
    summary = "a tensor holds NaN or infinity"
    Parameters = ExplodingTensorParameters
    parameters: ExplodingTensorParameters
    judged = 0

    def requirement(self) -> Requirement:
        collections, regexes = self.parameters.collection_names, self.parameters.tensor_regex
        chosen = regexes if collections or regexes else (_NO_TREES,)
        return Requirement(collections, chosen, all_workers=True)

    def looks_for(self) -> str:
        chosen = self.parameters.collection_names or self.parameters.tensor_regex
        return f"numbers in {self.required.in_words if chosen else 'any tensor but trees'}"

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            values = view.values(name)
            for worker, value in values.items():
                self.judged += bool(value.size) and value.dtype.kind in "biufc"
                bad = _count(value, only_nan=self.parameters.only_nan)
                if bad:
                    return self.finding(
                        view, name, bad, 0, f"{bad} of {value.size} values of {name} ({worker}) are {self._what}"
                    )
            if not values:
                for (kind, absolute), number in view.saved_reductions(name).items():
                    if kind not in _TELLING:
                        continue
                    self.judged += 1
                    if _is_bad(number, only_nan=self.parameters.only_nan):
                        what = f"{'absolute ' if absolute else ''}{kind}"
                        return self.finding(view, name, number, None, f"the {what} of {name} is {number}")
        return None

    @property
    def _what(self) -> str:
        return "NaN" if self.parameters.only_nan else "not finite"


def _count(value: NDArray[Any], *, only_nan: bool) -> int:
    import numpy as np

    if value.dtype.kind not in "fc":
        return 0
    # When a sum of squares is finite, all its terms are; this is far quicker than looking at each.
    if value.dtype.kind == "f" and math.isfinite(np.vdot(value, value)):
        return 0
    if only_nan:
        return int(np.count_nonzero(np.isnan(value)))
    return value.size - int(np.count_nonzero(np.isfinite(value)))


def _is_bad(number: float, *, only_nan: bool) -> bool:
    return math.isnan(number) if only_nan else not math.isfinite(number)
