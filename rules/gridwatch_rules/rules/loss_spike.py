"""LossSpike: the training loss leaps above its trend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer, number, patterns, text
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.training_numbers import GRADIENT_NORM, LEARNING_RATE, TRAINING_LOSS, learns_by_reward, noise
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_START = 8  # values whose median is the loss at the start
_FALLEN = 0.05  # of its start, that a loss has fallen before it is judged
_RESTART = 1.5  # a learning rate that is so many times the last one begins a new cycle


@dataclass(frozen=True, slots=True)
class LossSpikeParameters:
    tensor_regex: tuple[str, ...] = patterns((TRAINING_LOSS,), "patterns of the names of training losses")
    window: int = integer(64, "former values that tell the level and the noise", minimum=4, maximum=1024)
    history: int = integer(16, "former values that there must be", minimum=4, maximum=1024)
    factor: float = number(6.0, "standard deviations of the noise above the level that are no issue", minimum=0)
    rise_percent: float = number(30.0, "the rise above the level, in percent of it, that is no issue", minimum=0)
    share_percent: float = number(
        10.0, "the rise above the level, in percent of what the loss has fallen since its start, that is no issue",
        minimum=0,
    )  # fmt: skip
    least: int = integer(3, "values in a row above the limit that make a spike", minimum=1)
    patience: int = integer(10, "values in a row above the limit after which a spike counts as lasting", minimum=1)
    norm_ratio: float = number(
        2.0, "how many times its level the gradients' norm must rise to for a spike to count as lasting", minimum=0
    )
    when: str = text(
        "any", "`any`: also a spike that comes back by itself; `lasting`: only one that does not",
        choices=("any", "lasting"),
    )  # fmt: skip


class LossSpike(Rule):
    """Fires when a training loss stayed above a limit for `least` values in a row. The finding says whether it came
    back below the limit, or still stood above it after `patience` values or at the end.

    The level is the median of the last `window` values, the noise 1.4826 times their median absolute deviation
    (Rousseeuw and Croux, 1993). The limit is the highest of four: level + `factor` times the noise, level +
    `rise_percent` of the level, level + `share_percent` of the fall since the start (the median of the first 8
    values), and the highest of the `window` values. The last one makes the rule quiet whatever the distribution of the
    noise is: of values in any random order, 3 in a row are above all 64 before them once in 47,905 steps, and the other
    limits come on top. Values of a spike do not enter the level. Spikes of this kind are described by Chowdhery et al.,
    "PaLM" (2022), section 5.1, and Molybog et al., "A Theory on Adam Instability" (2023).

    Not judged are the first `history` values, a loss that has never fallen by 5 % of its start (Divergence judges
    that), `history` values after a learning rate that leapt back to what it was before (a restarted schedule), and
    trainings that report rewards, because the loss of reinforcement learning follows the data. A harder part of a
    curriculum raises the loss for good, but its gradients hardly: where the norm of the gradients is known and stays
    below `norm_ratio` times its median, a loss that does not come back begins a new level. Values that are not finite
    are for MetricNonFinite.
    """

    name = "LossSpike"
    summary = "the training loss leaps above its trend"
    Parameters = LossSpikeParameters
    parameters: LossSpikeParameters
    judged = 0

    def __init__(self, parameters: LossSpikeParameters) -> None:
        super().__init__(parameters)
        self._losses = Requirement(patterns=parameters.tensor_regex)
        self._gradients = Requirement(patterns=(GRADIENT_NORM,))
        self._learning_rates = Requirement(patterns=(LEARNING_RATE,))
        self._norms: list[float] = []  # the last norms of gradients outside of spikes
        self._risen: float | None = None  # at this step, how many times their level; None where it is not known
        self._states: dict[str, dict[str, Any]] = {}
        self._rates: dict[str, float] = {}  # the last and the highest learning rate
        self._rewarded = False

    def requirement(self) -> Requirement:
        return Requirement(patterns=(*self.parameters.tensor_regex, LEARNING_RATE, GRADIENT_NORM))

    def looks_for(self) -> str:
        named = ", ".join(self.parameters.tensor_regex)
        return f"a training loss named like {named} at more than {self.parameters.history} steps"

    def check(self, view: StepView) -> Finding | None:
        if view.mode in (Mode.EVAL, Mode.PREDICT):
            return None
        self._rewarded = self._rewarded or learns_by_reward(view.saved_names)
        self._note_rate(view)
        self._note_norm(view)
        for name in view.names(self._losses):
            value = view.scalar(name)
            if value is None or not math.isfinite(value):
                continue
            state = self._states.setdefault(name, {"start": [], "window": [], "spike": None, "fell": False})
            found = self._judge(view, name, value, state)
            if found is not None and not self._rewarded:
                return found
        return None

    def finish(self, view: StepView | None) -> Finding | None:
        for name, state in self._states.items():
            spike = state["spike"]
            lasts = spike and spike["count"] >= self.parameters.least and not self._is_harder_data(spike)
            if view is not None and lasts and not self._rewarded:
                return self._told(view, name, spike, f"and had not come back when the training ended, {_after(spike)}")
        return None

    def _note_rate(self, view: StepView) -> None:
        names = view.names(self._learning_rates)
        rate = view.scalar(names[0]) if names else None
        if rate is None or not math.isfinite(rate):
            return
        last, highest = self._rates.get("last", rate), self._rates.get("highest", rate)
        if last > 0 and _RESTART * last <= rate <= 1.01 * highest:
            for state in self._states.values():
                state.update(window=[], spike=None)
        self._rates = {"last": rate, "highest": max(highest, rate)}

    def _note_norm(self, view: StepView) -> None:
        names = view.names(self._gradients)
        norm = view.scalar(names[0]) if names else None
        enough = len(self._norms) >= min(self.parameters.history, self.parameters.window)
        self._risen = None
        if norm is None:
            return
        if enough:
            level = median(self._norms)
            self._risen = norm / level if math.isfinite(norm) and level > 0 else math.inf
        spiking = any(state["spike"] for state in self._states.values())
        if math.isfinite(norm) and not spiking:
            self._norms = [*self._norms, norm][-self.parameters.window :]

    def _is_harder_data(self, spike: Mapping[str, Any]) -> bool:
        """Whether the loss stands higher for good although the gradients do not: what is learned has become harder."""
        return spike["risen"] is not None and spike["risen"] < self.parameters.norm_ratio

    def _judge(self, view: StepView, name: str, value: float, state: dict[str, Any]) -> Finding | None:
        if len(state["start"]) < _START:
            state["start"].append(value)
        if state["spike"] is not None:
            return self._follow(view, name, value, state)
        window: list[float] = state["window"]
        if len(window) >= min(self.parameters.history, self.parameters.window):
            self.judged += 1
            level = median(window)
            fallen = median(state["start"]) - level
            limit = self._limit(window, level, fallen)
            state["fell"] = state["fell"] or fallen > _FALLEN * abs(fallen + level)
            if value > limit and state["fell"]:
                state["spike"] = {
                    "from": view.step,
                    "level": level,
                    "limit": limit,
                    "peak": value,
                    "count": 0,
                    "risen": None,
                }
                return self._follow(view, name, value, state)
        state["window"] = [*window, value][-self.parameters.window :]
        return None

    def _limit(self, window: list[float], level: float, fallen: float) -> float:
        asked = self.parameters
        return max(
            *window,
            level + asked.factor * noise(window, level),
            level + asked.rise_percent / 100 * abs(level),
            level + asked.share_percent / 100 * max(fallen, 0.0),
        )

    def _follow(self, view: StepView, name: str, value: float, state: dict[str, Any]) -> Finding | None:
        """Count one more value of what may become a spike."""
        spike, asked = state["spike"], self.parameters
        if self._risen is not None:
            spike["risen"] = max(spike["risen"] or 0.0, self._risen)
        if value > spike["limit"]:
            spike.update(count=spike["count"] + 1, peak=max(spike["peak"], value))
            if spike["count"] >= max(asked.patience, asked.least):
                if self._is_harder_data(spike):
                    state.update(spike=None, window=[])
                    self._norms = []
                    return None
                return self._told(view, name, spike, f"and has not come back {_after(spike)}")
            return None
        state.update(spike=None, window=[*state["window"], spike["peak"], value][-asked.window :])
        if spike["count"] < asked.least or asked.when == "lasting":
            return None
        return self._told(view, name, spike, f"and came back to {value:.6g} {_after(spike)}")

    def _told(self, view: StepView, name: str, spike: Mapping[str, Any], outcome: str) -> Finding:
        sentence = (
            f"{name} leapt at step {spike['from']} from about {spike['level']:.6g} up to {spike['peak']:.6g} "
            f"(limit {spike['limit']:.6g}) {outcome}"
        )
        return self.finding(view, name, spike["peak"], spike["limit"], sentence)

    def save(self) -> dict[str, Any]:
        return {"states": self._states, "rates": self._rates, "rewarded": self._rewarded, "norms": self._norms}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._states = {name: dict(state) for name, state in saved["states"].items()}
        self._rates, self._rewarded = dict(saved["rates"]), bool(saved["rewarded"])
        self._norms = list(saved["norms"])


def _after(spike: Mapping[str, Any]) -> str:
    count = spike["count"]
    return "after one value" if count == 1 else f"after {count} values"
