"""GradientNormSpike: the norm of the gradients leaps above what it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.training_numbers import GRADIENT_NORM, learns_by_reward, noise

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_LEAST_NOISE = 0.1  # of the logarithm: a norm is never steadier than about 10 %


@dataclass(frozen=True, slots=True)
class GradientNormSpikeParameters:
    tensor_regex: tuple[str, ...] = patterns((GRADIENT_NORM,), "patterns of the names of gradient norms")
    window: int = integer(64, "former values that tell the level and the noise", minimum=4, maximum=1024)
    history: int = integer(16, "former values that there must be", minimum=4, maximum=1024)
    factor: float = number(6.0, "standard deviations of the norm's logarithm that are no issue", minimum=0)
    ratio: float = number(5.0, "how many times its level a norm may be", minimum=1)
    least: int = integer(3, "values in a row above the limit that make a spike", minimum=1)
    record_ratio: float = number(
        10.0, "a single value above the limit is a spike where it is so many times the highest norm before", minimum=1
    )


class GradientNormSpike(Rule):
    """Fires when the norm of the gradients was above a limit for `least` values in a row, or once above the limit and
    `record_ratio` times the highest norm that the training ever had.

    Level and noise are the median of the last `window` values and 1.4826 times their median absolute deviation, both of
    logarithms, because norms of gradients are spread by factors. The limit is the highest of the level times `ratio`,
    the level times exp(`factor` times the noise) and the highest of the `window` values. Values of a spike do not enter
    the level. Spikes by factors like these are described by Huang et al., "SPAM: Spike-Aware Adam with Momentum Reset"
    (2025), section 2, and judged by their deviation from a running mean by Kumar et al., "ZClip" (2025).

    A single large norm is common in healthy trainings (one odd batch), and clipping takes care of it. The norm is the
    one before clipping. Trainings that report rewards are not judged: their gradients follow what the policy meets.
    Norms that are not finite are for NonFiniteGradient.
    """

    name = "GradientNormSpike"
    summary = "the norm of the gradients leaps above what it was"
    Parameters = GradientNormSpikeParameters
    parameters: GradientNormSpikeParameters
    judged = 0

    def __init__(self, parameters: GradientNormSpikeParameters) -> None:
        super().__init__(parameters)
        self._states: dict[str, dict[str, Any]] = {}
        self._rewarded = False

    def requirement(self) -> Requirement:
        return Requirement(patterns=self.parameters.tensor_regex)

    def looks_for(self) -> str:
        return (
            f"a norm named like {', '.join(self.parameters.tensor_regex)} at more than {self.parameters.history} steps"
        )

    def check(self, view: StepView) -> Finding | None:
        self._rewarded = self._rewarded or learns_by_reward(view.saved_names)
        for name in view.names(self.required):
            value = view.scalar(name)
            if value is None or not math.isfinite(value) or value <= 0:
                continue
            state = self._states.setdefault(name, {"window": [], "highest": 0.0, "run": []})
            found = self._judge(view, name, value, state)
            if found is not None and not self._rewarded:
                return found
        return None

    def _judge(self, view: StepView, name: str, value: float, state: dict[str, Any]) -> Finding | None:
        window, asked = state["window"], self.parameters
        highest, state["highest"] = state["highest"], max(state["highest"], value)
        if len(window) >= min(asked.history, asked.window):
            self.judged += 1
            level, limit = self._limit(window)
            if value > limit:
                state["run"] = [*state["run"], value]
                often = len(state["run"])
                if often >= asked.least or value > asked.record_ratio * highest:
                    since = (
                        f"{often} values in a row" if often >= asked.least else f"the highest before was {highest:.6g}"
                    )
                    sentence = f"{name} is {value:.6g}, {value / level:.3g} times its level of {level:.6g} ({since}; "
                    return self.finding(view, name, value, limit, f"{sentence}limit {limit:.6g})")
                return None
        state["window"] = [*window, *map(math.log, (*state["run"], value))][-asked.window :]
        state["run"] = []
        return None

    def _limit(self, window: list[float]) -> tuple[float, float]:
        """The level and the limit of a norm."""
        level = median(window)
        spread = max(noise(window, level), _LEAST_NOISE)
        above = max(*window, level + self.parameters.factor * spread, level + math.log(self.parameters.ratio))
        return math.exp(level), math.exp(min(above, 700.0))

    def save(self) -> dict[str, Any]:
        return {"states": self._states, "rewarded": self._rewarded}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._states = {name: dict(state) for name, state in saved["states"].items()}
        self._rewarded = bool(saved["rewarded"])
