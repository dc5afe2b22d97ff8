"""DeadRelu and SaturatedActivation: too many nodes of a layer are hardly ever active."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.activity import Activity
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import names, number, patterns
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.rules.view import StepView

_INACTIVITY = "a node active in less than this percentage of samples is not active"
_LAYER = "the percentage of nodes of a layer that may be inactive"


class InactiveLayer(Rule):
    """The base of both rules. It counts for each node the samples in which it was active, over all steps, and judges
    each layer at every step.
    """

    judged = 0

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        self._layers: dict[str, Activity] = {}

    @abstractmethod
    def active(self, view: StepView, name: str, values: NDArray[Any]) -> NDArray[Any] | None:
        """The elements that are active, as booleans; None when the kind of this tensor is not known."""

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            values = numbers_of(view, name)
            active = None if values is None or not values.ndim else self.active(view, name, values)
            if active is None:
                continue
            layer = self._layers.setdefault(name, Activity())
            layer.add(active)
            self.judged += 1
            percent = layer.inactive_percent(self.parameters.threshold_inactivity)
            if percent > self.parameters.threshold_layer:
                return self.finding(
                    view,
                    name,
                    percent,
                    self.parameters.threshold_layer,
                    f"{percent:.3g} % of the nodes of {name} {self.verdict} in {layer.samples} samples "
                    f"(limit {self.parameters.threshold_layer:g} %)",
                )
        return None

    verdict: str

    def looks_for(self) -> str:
        return f"batches saved whole in {self.required.in_words}"

    def save(self) -> dict[str, Any]:
        return {"layers": {name: layer.save() for name, layer in self._layers.items()}}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._layers = {name: Activity.restore(layer) for name, layer in saved["layers"].items()}


@dataclass(frozen=True, slots=True)
class DeadReluParameters:
    tensor_regex: tuple[str, ...] = patterns((".*relu_output",), "patterns of the outputs of ReLUs")
    threshold_inactivity: float = number(1.0, _INACTIVITY, minimum=0, maximum=100)
    threshold_layer: float = number(50.0, _LAYER, minimum=0, maximum=100)


class DeadRelu(InactiveLayer):
    """Fires when more than `threshold_layer` percent of a layer's units are dead.

    A unit is dead when its output was above 0 in less than `threshold_inactivity` percent of the samples, counted over
    the batch and over all steps so far (AWS: "may be active at first and slowly die"; that counts are kept over steps
    is our reading). Where `tensor_regex` is not given, the collection `relu_output` is looked at as well: Gridwatch's
    hook for PyTorch puts the outputs of every nn.ReLU there, whatever their names. Source: SageMaker Developer Guide,
    "List of Debugger built-in rules", DeadRelu.
    """

    name = "DeadRelu"
    summary = "too many units of a ReLU layer are always zero"
    verdict = "are dead"
    collect = (Collect("relu_output", {"include_regex": ".*relu_output", "save_interval": "500"}),)
    Parameters = DeadReluParameters
    parameters: DeadReluParameters

    def requirement(self) -> Requirement:
        is_default = self.parameters.tensor_regex == DeadReluParameters().tensor_regex
        return Requirement(("relu_output",) if is_default else (), self.parameters.tensor_regex)

    def active(self, view: StepView, name: str, values: NDArray[Any]) -> NDArray[Any]:
        del view, name
        active: NDArray[Any] = values > 0
        return active


@dataclass(frozen=True, slots=True)
class SaturatedActivationParameters:
    collection_names: tuple[str, ...] = names((), "collections of inputs of activations")
    tensor_regex: tuple[str, ...] = patterns(
        (".*tanh_input|.*sigmoid_input",), "patterns of the inputs of activations; the name tells which it is"
    )
    threshold_tanh_min: float = number(-9.4999, "a tanh whose input is below is saturated")
    threshold_tanh_max: float = number(9.4999, "a tanh whose input is above is saturated")
    threshold_sigmoid_min: float = number(-23.0, "a sigmoid whose input is below is saturated")
    threshold_sigmoid_max: float = number(16.99999, "a sigmoid whose input is above is saturated")
    threshold_inactivity: float = number(1.0, _INACTIVITY, minimum=0, maximum=100)
    threshold_layer: float = number(50.0, _LAYER, minimum=0, maximum=100)


_TANH, _SIGMOID = Requirement(("tanh_input",)), Requirement(("sigmoid_input",))


class SaturatedActivation(InactiveLayer):
    """Fires when more than `threshold_layer` percent of a layer's nodes are saturated.

    A node is saturated when its input lay inside the interval of its activation in less than `threshold_inactivity`
    percent of the samples, counted over the batch and over all steps so far (the same model as DeadRelu; our reading).
    Which activation it is, the tensor's name tells, or the collection `tanh_input` or `sigmoid_input`: Gridwatch's hook
    for PyTorch puts the inputs of every nn.Tanh and nn.Sigmoid there, and they are looked at as well where neither
    parameter is given. Source: SageMaker Developer Guide, "List of Debugger built-in rules", SaturatedActivation.
    """

    name = "SaturatedActivation"
    summary = "too many nodes of a tanh or sigmoid layer are saturated"
    verdict = "are saturated"
    Parameters = SaturatedActivationParameters
    parameters: SaturatedActivationParameters

    def requirement(self) -> Requirement:
        chosen = self.parameters
        is_default = not chosen.collection_names and chosen.tensor_regex == SaturatedActivationParameters().tensor_regex
        return Requirement(
            ("tanh_input", "sigmoid_input") if is_default else chosen.collection_names, chosen.tensor_regex
        )

    def active(self, view: StepView, name: str, values: NDArray[Any]) -> NDArray[Any] | None:
        chosen, lowered = self.parameters, name.lower()
        if "tanh" in lowered or view.selector(_TANH).select((name,)):
            lowest, highest = chosen.threshold_tanh_min, chosen.threshold_tanh_max
        elif "sigmoid" in lowered or view.selector(_SIGMOID).select((name,)):
            lowest, highest = chosen.threshold_sigmoid_min, chosen.threshold_sigmoid_max
        else:
            return None
        active: NDArray[Any] = (values > lowest) & (values < highest)
        return active
