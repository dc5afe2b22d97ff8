"""PoorWeightInitialization: the first steps show that the weights were started badly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class PoorWeightInitializationParameters:
    activation_inputs_regex: tuple[str, ...] = patterns((".*relu_input",), "patterns of the inputs of activations")
    threshold: float = number(10.0, "the largest ratio of the layers' variances that is no issue", minimum=0)
    distribution_range: float = number(0.001, "the least spread (95th less 5th percentile) of gradients", minimum=0)
    patience: int = integer(5, "saved steps for which the loss may not fall", minimum=1)
    steps: int = integer(10, "saved steps that are looked at", minimum=1)


class PoorWeightInitialization(Rule):
    """Fires in the first `steps` saved steps when one of three signs shows:

    (a) the largest variance of a layer's activation inputs is more than `threshold` times the smallest (a variance of 0
    makes the ratio infinite); (b) the smallest spread, 95th less 5th percentile, of the tensors in `gradients` is below
    `distribution_range`; (c) no loss in `losses` fell below its lowest value for `patience` saved steps.

    AWS's text speaks of the variance of activation inputs, its parameter table of that of weights: the tensors that
    `activation_inputs_regex` names are taken, and where it is not given those of the collection `relu_input`, to which
    Gridwatch's hook for PyTorch adds the inputs of every nn.ReLU. Variances are over the whole tensor. Steps are those
    at which any of the inspected tensors was saved in training. Source: SageMaker Developer Guide, "List of Debugger
    built-in rules".
    """

    name = "PoorWeightInitialization"
    summary = "activations, gradients or losses of the first steps show badly started weights"
    collect = (Collect("relu_input", {"include_regex": ".*relu_input", "save_interval": "500"}),)
    Parameters = PoorWeightInitializationParameters
    parameters: PoorWeightInitializationParameters
    judged = 0

    def __init__(self, parameters: PoorWeightInitializationParameters) -> None:
        super().__init__(parameters)
        self._inputs = Requirement(self._collections_of_inputs(), parameters.activation_inputs_regex)
        self._gradients = Requirement(("gradients",))
        self._losses = Requirement(("losses",))
        self._seen = 0
        self._lowest: dict[str, list[float]] = {}  # loss -> its lowest value, and the number of saved steps since
        self._losses_seen: dict[str, int] = {}

    def requirement(self) -> Requirement:
        collections = ("gradients", "losses", *self._collections_of_inputs())
        return Requirement(collections, self.parameters.activation_inputs_regex)

    def _collections_of_inputs(self) -> tuple[str, ...]:
        given = self.parameters.activation_inputs_regex
        return ("relu_input",) if given == PoorWeightInitializationParameters().activation_inputs_regex else ()

    def looks_for(self) -> str:
        patience = self.parameters.patience
        return (
            f"in training two layers of {self._inputs.in_words}, or gradients, or a loss of the collection losses at "
            f"more than {patience} saved steps"
        )

    def check(self, view: StepView) -> Finding | None:
        if view.mode not in (Mode.TRAIN, Mode.GLOBAL) or self._seen >= self.parameters.steps:
            return None
        if not view.names(self.required):
            return None
        self._seen += 1
        return self._check_variances(view) or self._check_spread(view) or self._check_losses(view)

    def _check_variances(self, view: StepView) -> Finding | None:
        found = {name: values for name in view.names(self._inputs) if (values := numbers_of(view, name)) is not None}
        variances = {name: float(values.var()) for name, values in found.items()}
        if not variances:
            return None
        least, most = min(variances, key=variances.__getitem__), max(variances, key=variances.__getitem__)
        self.judged += len(variances) > 1 or not variances[least]
        ratio = variances[most] / variances[least] if variances[least] else math.inf
        if ratio <= self.parameters.threshold:
            return None
        return self.finding(
            view, least, ratio, self.parameters.threshold,
            f"the variance of {most} ({variances[most]:.3g}) is {ratio:.3g} times that of {least} "
            f"({variances[least]:.3g}), limit {self.parameters.threshold:g}",
        )  # fmt: skip

    def _check_spread(self, view: StepView) -> Finding | None:
        spreads = {}
        for name in view.names(self._gradients):
            values = numbers_of(view, name)
            if values is not None:
                import numpy as np

                low, high = np.percentile(values, (5, 95))
                spreads[name] = float(high - low)
        if not spreads:
            return None
        self.judged += 1
        least = min(spreads, key=spreads.__getitem__)
        if not spreads[least] < self.parameters.distribution_range:
            return None
        limit = self.parameters.distribution_range
        sentence = f"the middle nine tenths of {least} span {spreads[least]:.3g}, less than {limit:g}"
        return self.finding(view, least, spreads[least], limit, sentence)

    def _check_losses(self, view: StepView) -> Finding | None:
        for name in view.names(self._losses):
            loss = view.scalar(name)
            if loss is None or is_score(name):
                continue
            seen = self._losses_seen[name] = self._losses_seen.get(name, 0) + 1
            self.judged += seen > self.parameters.patience
            lowest, since = self._lowest.get(name, (math.inf, -1))
            if loss < lowest:
                self._lowest[name] = [loss, 0]
                continue
            since = max(since, 0) + 1
            self._lowest[name] = [lowest, since]
            if since >= self.parameters.patience:
                sentence = f"{name} did not fall below {lowest:.6g} for {since:g} saved steps"
                return self.finding(view, name, since, self.parameters.patience, sentence)
        return None

    def save(self) -> dict[str, Any]:
        return {"seen": self._seen, "lowest": self._lowest, "losses_seen": self._losses_seen}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._seen = int(saved["seen"])
        self._lowest = {name: list(lowest) for name, lowest in saved["lowest"].items()}
        self._losses_seen = dict(saved.get("losses_seen", {}))
