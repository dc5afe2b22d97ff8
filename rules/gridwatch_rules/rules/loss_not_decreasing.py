"""LossNotDecreasing: the loss does not fall by enough over a number of steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.rules.numbers import exceeds
from gridwatch_rules.rules.parameters import flag, integer, names, number, patterns, text
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_PREFERRED = (Mode.EVAL, Mode.TRAIN, Mode.PREDICT, Mode.GLOBAL)


@dataclass(frozen=True, slots=True)
class LossNotDecreasingParameters:
    collection_names: tuple[str, ...] = names((), "collections whose scalars are inspected")
    tensor_regex: tuple[str, ...] = patterns((), "patterns of the names of scalars to inspect")
    use_losses_collection: bool = flag("inspect the collection `losses` as well", default=True)
    num_steps: int = integer(
        10, "steps between two checks, and at least as many between the values compared", minimum=1
    )
    diff_percent: float = number(0.1, "the least decrease in percent of the former value", minimum=0, maximum=100)
    increase_threshold_percent: float = number(5.0, "the increase in percent that is tolerated", minimum=0)
    mode: str | None = text(
        None, "mode whose steps are counted; by default EVAL, else TRAIN, else GLOBAL", choices=tuple(Mode.__members__)
    )
    increase_reading: str = text(
        "tolerated",
        "`tolerated`: an increase up to increase_threshold_percent is no issue; `strict`: every increase is one",
        choices=("tolerated", "strict"),
    )


class LossNotDecreasing(Rule):
    """Fires when a loss fell by less than `diff_percent`, or rose by more than `increase_threshold_percent`.

    The steps of a check are Debugger's: the first seen step counts as checked; the next check is at the first saved
    step at least `num_steps` later, against the newest saved step at least `num_steps` before it. Steps are those of
    the mode.

    AWS does not say how the two percentages combine. In the reading `tolerated` (the default) an increase of up to
    `increase_threshold_percent` passes; it is the only one in which the parameter has a purpose. In the reading
    `strict` every increase is less than the wanted decrease, so it fires. A loss of exactly 0 cannot fall and is no
    issue. With several losses any of them fires. Metrics that are better when higher (auc, accuracy, ...) are left
    out. Source: SageMaker Developer Guide, "List of Debugger built-in rules", LossNotDecreasing.
    """

    name = "LossNotDecreasing"
    summary = "the loss does not fall by enough over a number of steps"
    collect = (Collect("losses", {"save_interval": "500"}),)
    Parameters = LossNotDecreasingParameters
    parameters: LossNotDecreasingParameters
    judged = 0

    def __init__(self, parameters: LossNotDecreasingParameters) -> None:
        super().__init__(parameters)
        # tensor -> mode -> (mode step, global step) of the last checked step and of those saved since
        self._steps: dict[str, dict[Mode, list[tuple[int, int]]]] = {}

    def requirement(self) -> Requirement:
        losses = ("losses",) if self.parameters.use_losses_collection else ()
        return Requirement((*losses, *self.parameters.collection_names), self.parameters.tensor_regex)

    def looks_for(self) -> str:
        steps = f"{self.parameters.num_steps} step{'s' if self.parameters.num_steps > 1 else ''}"
        return (
            f"a loss (a number that is better when lower) in {self.required.in_words}, finite at two steps of "
            f"{self.parameters.mode or 'one mode'} that lie at least {steps} apart"
        )

    def check(self, view: StepView) -> Finding | None:
        wanted = Mode.named(self.parameters.mode) if self.parameters.mode else None
        if wanted not in (None, Mode.GLOBAL, view.mode):
            return None
        for name in view.names(self.required):
            if is_score(name):
                continue
            value = view.scalar(name)
            if value is None:
                continue
            mode, step = (Mode.GLOBAL, view.step) if wanted is Mode.GLOBAL else (view.mode, view.mode_step)
            finding = self._check_loss(view, name, value, mode, step)
            if finding is not None:
                return finding
        return None

    def _check_loss(self, view: StepView, name: str, value: float, mode: Mode, step: int) -> Finding | None:
        by_mode = self._steps.setdefault(name, {})
        steps = by_mode.setdefault(mode, [])
        steps.append((step, view.step))
        if step - steps[0][0] < self.parameters.num_steps:
            return None
        reference = max(saved for saved in steps if saved[0] <= step - self.parameters.num_steps)
        by_mode[mode] = [(step, view.step)]
        if mode is not min(by_mode, key=_PREFERRED.index):
            return None
        former = view.scalar(name, step=reference[1])
        if former is None:
            return None
        return self._judge(view, name, former, value, step - reference[0])

    def _judge(self, view: StepView, name: str, former: float, value: float, steps: int) -> Finding | None:
        if not (math.isfinite(former) and math.isfinite(value)):
            return None
        self.judged += 1
        if former == value == 0:
            return None
        drop = (former - value) / abs(former) * 100 if former else -math.inf
        limit = self.parameters.diff_percent
        if drop < 0 and self.parameters.increase_reading == "tolerated":
            if not exceeds(-drop, self.parameters.increase_threshold_percent):
                return None
            limit = -self.parameters.increase_threshold_percent
        elif not exceeds(limit, drop):
            return None
        return self.finding(view, name, drop, limit, f"{name} {_sentence(former, value, drop, limit, steps)}")

    def save(self) -> dict[str, Any]:
        return {
            "steps": {name: {mode.name: steps for mode, steps in found.items()} for name, found in self._steps.items()}
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._steps = {
            name: {Mode[mode]: [(step, at) for step, at in steps] for mode, steps in by_mode.items()}
            for name, by_mode in saved["steps"].items()
        }


def _sentence(former: float, value: float, drop: float, limit: float, steps: int) -> str:
    span = f"over {counted(steps, 'step')}, from {former:.6g} to {value:.6g}"
    wanted = f"a decrease of {limit:g} % is wanted"
    if drop < 0:
        allowed = f"an increase of {-limit:g} % is tolerated" if limit < 0 else wanted
        return f"rose by {-drop:.3g} % {span} ({allowed})"
    if drop == 0:
        return f"did not change over {counted(steps, 'step')}, it stayed at {value:.6g} ({wanted})"
    return f"fell by only {drop:.3g} % {span} ({wanted})"
