"""LabelsMasked: the training loss is exactly 0, as where every label is ignored."""

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
from gridwatch_rules.rules.training_numbers import GRADIENT_NORM, SKIPPED_STEPS, TRAINING_LOSS, learns_by_reward
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class LabelsMaskedParameters:
    tensor_regex: tuple[str, ...] = patterns((TRAINING_LOSS,), "patterns of the names of training losses")
    patience: int = integer(5, "losses in a row of exactly 0 that are too many at the start", minimum=1)
    sudden: int = integer(10, "losses in a row of exactly 0 that are too many later", minimum=1)
    empty: int = integer(3, "losses of NaN whose gradients are exactly 0 that are too many", minimum=1)
    share: float = number(
        0.1, "the share of its start above which a loss must have been for its zeros to be sudden", minimum=0, maximum=1
    )


class LabelsMasked(Rule):
    """Fires when a training loss was exactly 0 for the first `patience` values or `sudden` later values
    in a row, or `empty` times NaN while the norm of its gradients was exactly 0.

    A cross entropy all of whose labels are ignored (-100) has no terms: its sum is 0, its mean 0/0, which is NaN, and
    its gradients are 0 in both cases (PyTorch documentation, CrossEntropyLoss, ignore_index). This happens when a
    collator masks the answers too, or when prompts fill the whole length so that every answer is cut off. A loss that
    learns its way to 0 (a hinge, a memorised set) comes near 0 before, or is 0 now and then: zeros are sudden only when
    as many values before them were all above `share` of the start's. Hugging Face's Trainer logs 0 in place of NaN
    (`logging_nan_inf_filter`). Not judged are trainings that report rewards: the loss of a policy gradient is 0 where
    all rewards are equal. Steps that a loss scaler skipped do not count.
    """

    name = "LabelsMasked"
    summary = "the training loss is exactly 0, as where every label is ignored"
    Parameters = LabelsMaskedParameters
    parameters: LabelsMaskedParameters
    judged = 0

    def __init__(self, parameters: LabelsMaskedParameters) -> None:
        super().__init__(parameters)
        self._losses = Requirement(patterns=parameters.tensor_regex)
        self._norms = Requirement(patterns=(GRADIENT_NORM,))
        self._states: dict[str, dict[str, Any]] = {}
        self._rewarded = False

    def requirement(self) -> Requirement:
        return Requirement(patterns=(*self.parameters.tensor_regex, GRADIENT_NORM, f"^{SKIPPED_STEPS}$"))

    def looks_for(self) -> str:
        return f"a training loss named like {', '.join(self.parameters.tensor_regex)}"

    def check(self, view: StepView) -> Finding | None:
        if view.mode in (Mode.EVAL, Mode.PREDICT):
            return None
        self._rewarded = self._rewarded or learns_by_reward(view.saved_names)
        if self._rewarded or view.scalar(SKIPPED_STEPS):
            return None
        norms = [norm for name in view.names(self._norms) if (norm := view.scalar(name)) is not None]
        for name in view.names(self._losses):
            value = view.scalar(name)
            if value is None:
                continue
            self.judged += 1
            state = self._states.setdefault(name, {"start": [], "last": [], "zeros": 0, "empty": 0})
            found = self._judge_empty(view, name, value, norms, state) or self._judge_zero(view, name, value, state)
            if found is not None:
                return found
        return None

    def _judge_empty(
        self, view: StepView, name: str, value: float, norms: list[float], state: dict[str, Any]
    ) -> Finding | None:
        if not math.isnan(value) or not norms or any(norms):
            return None
        state["empty"] += 1
        if state["empty"] < self.parameters.empty:
            return None
        sentence = (
            f"{name} was NaN at {state['empty']} steps at which the norm of the gradients was exactly 0, as where "
            "every label of a batch is ignored"
        )
        return self.finding(view, name, value, None, sentence)

    def _judge_zero(self, view: StepView, name: str, value: float, state: dict[str, Any]) -> Finding | None:
        sudden = self.parameters.sudden
        if value != 0:
            if math.isfinite(value):
                state["start"] = [*state["start"], abs(value)][:sudden]
                state["last"] = [*state["last"], *[0.0] * state["zeros"], abs(value)][-sudden:]
                state["zeros"] = 0
            return None
        state["zeros"] += 1
        start, last = state["start"], state["last"]
        if state["zeros"] != (sudden if start else self.parameters.patience):
            return None
        if start and not (len(last) == sudden and min(last) > self.parameters.share * median(start)):
            return None
        before = f"after losses of about {median(last):.6g}" if start else "since the training began"
        sentence = f"{name} is exactly 0 for {state['zeros']} values in a row {before}, as where every label is ignored"
        return self.finding(view, name, 0.0, None, sentence)

    def save(self) -> dict[str, Any]:
        return {"states": self._states, "rewarded": self._rewarded}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._states = {name: dict(state) for name, state in saved["states"].items()}
        self._rewarded = bool(saved["rewarded"])
