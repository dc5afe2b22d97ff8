"""VanishingGradientRatio: gradients shrink on their way from the last layer to the first."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import reduced
from gridwatch_rules.rules.parameters import number, patterns, text
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class VanishingGradientRatioParameters:
    threshold: float = number(1e-3, "the least ratio of the first to the last layer's gradients", minimum=0)
    tensor_regex: tuple[str, ...] = patterns(
        ("weight|kernel",), "patterns of the gradients that count, by default no biases"
    )
    first_layer: str | None = text(None, "pattern of the first layer; by default the first of all in `order`")
    last_layer: str | None = text(None, "pattern of the last layer; by default the last of all in `order`")
    order: str = text(
        "name", "order of the layers: by name with numbers as numbers, as saved, or as saved backwards",
        choices=("name", "saved", "backwards"),
    )  # fmt: skip


class VanishingGradientRatio(Rule):
    """Fires when mean|g| of the first layer / mean|g| of the last layer is below `threshold`.

    Unlike an absolute threshold it does not depend on the scale of the loss. After Glorot and Bengio, "Understanding
    the difficulty of training deep feedforward neural networks" (2010), who compare the size of back-propagated
    gradients from layer to layer, and Pascanu, Mikolov and Bengio (2013). A last layer without any gradient says
    nothing.
    """

    name = "VanishingGradientRatio"
    summary = "gradients shrink on their way from the last layer to the first"
    collect = (Collect("gradients"),)
    Parameters = VanishingGradientRatioParameters
    parameters: VanishingGradientRatioParameters
    judged = 0

    def requirement(self) -> Requirement:
        return Requirement(("gradients",), reductions=(("mean", True),))

    def looks_for(self) -> str:
        return f"gradients of two layers named like {', '.join(self.parameters.tensor_regex)} at one step"

    def check(self, view: StepView) -> Finding | None:
        layers = self._ordered(view.names(self.required))
        if len(layers) < 2:
            return None
        first = _find(layers, self.parameters.first_layer) or layers[0]
        last = _find(layers, self.parameters.last_layer) or layers[-1]
        sizes = [reduced(view, name, "mean", absolute=True) for name in (first, last)]
        if first == last or sizes[0] is None or not sizes[1] or math.isnan(sizes[0] / sizes[1]):
            return None
        self.judged += 1
        ratio = sizes[0] / sizes[1]
        if not ratio < self.parameters.threshold:
            return None
        limit = self.parameters.threshold
        sentence = (
            f"the gradients of {first} ({sizes[0]:.3g}) are {ratio:.3g} times those of {last} ({sizes[1]:.3g}), "
            f"less than {limit:g}"
        )
        return self.finding(view, first, ratio, limit, sentence)

    def _ordered(self, saved: tuple[str, ...]) -> list[str]:
        wanted = [name for name in saved if any(re.search(regex, name) for regex in self.parameters.tensor_regex)]
        if self.parameters.order == "name":
            return sorted(wanted, key=_natural)
        return wanted if self.parameters.order == "saved" else wanted[::-1]


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _find(layers: list[str], pattern: str | None) -> str | None:
    return next((name for name in layers if pattern and re.search(pattern, name)), None)
