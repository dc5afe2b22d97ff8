"""Established rules that Debugger lacks. Each looks at the saved values of single metrics of any framework."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.rules.parameters import integer, names, number, patterns, text
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_COLLECTIONS = ("metrics", "losses")
_DIRECTION = "which way is better; `auto` tells it from the metric's name"


@dataclass(frozen=True, slots=True)
class MetricParameters:
    collection_names: tuple[str, ...] = names(_COLLECTIONS, "collections whose scalars are inspected")
    tensor_regex: tuple[str, ...] = patterns((), "inspect only the scalars that one of these patterns is found in")


class MetricRule(Rule):
    """The base of rules on metrics. It passes each inspected metric's values one by one to `check_metric`, with a
    dictionary as state for each metric and mode.
    """

    collect = (Collect("metrics"), Collect("losses"))
    parameters: Any
    judged = 0
    # The values that it needs of a metric, as a text that continues "a number".
    kind: ClassVar[str] = "a number"

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        self.states: dict[str, dict[str, Any]] = {}

    def requirement(self) -> Requirement:
        if self.parameters.tensor_regex:
            return Requirement(patterns=self.parameters.tensor_regex)
        return Requirement(self.parameters.collection_names)

    @property
    def values_needed(self) -> int:
        """The number of values of a metric that a judgement needs."""
        return 1

    def looks_for(self) -> str:
        values = self.values_needed
        times = f" at {values:,} steps" if values > 1 else ""
        return f"{self.kind} in {self.required.in_words}{times}"

    def has_enough(self, state: dict[str, Any]) -> bool:
        """Count one more value of a metric. Returns whether there are enough."""
        state["seen"] = state.get("seen", 0) + 1
        return bool(state["seen"] >= self.values_needed)

    def metrics(self, view: StepView) -> Iterator[tuple[str, float, dict[str, Any]]]:
        """Yield the name, value and state of each metric saved at the step. Each phase of training has metrics of its
        own.
        """
        for name in view.names(self.required):
            value = view.scalar(name)
            if value is not None:
                yield name, value, self.states.setdefault(f"{view.mode.name}:{name}", {})

    def save(self) -> dict[str, Any]:
        return {"states": self.states}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.states = {name: dict(state) for name, state in saved["states"].items()}


def _is_maximized(direction: str, name: str) -> bool:
    return is_score(name) if direction == "auto" else direction == "max"


@dataclass(frozen=True, slots=True)
class MetricPlateauParameters(MetricParameters):
    patience: int = integer(10, "saved values without improvement that are too many", minimum=1)
    min_delta: float = number(0.0, "what a value must be better by to count as an improvement", minimum=0)
    direction: str = text("auto", _DIRECTION, choices=("auto", "min", "max"))
    of: str = text("all", "whether all inspected metrics must stand still, or any", choices=("all", "any"))


class MetricPlateau(MetricRule):
    """Fires when no inspected metric (or, with `of` any, one of them) improved on its best for `patience` saved values.

    The criterion of Keras' EarlyStopping (keras.io/api/callbacks/early_stopping) and of PyTorch's ReduceLROnPlateau
    with threshold_mode "abs"; after Prechelt, "Early Stopping - But When?" (1998), criterion UP.
    """

    name = "MetricPlateau"
    summary = "a metric has not improved for long"
    Parameters = MetricPlateauParameters
    parameters: MetricPlateauParameters

    @property
    def values_needed(self) -> int:
        return self.parameters.patience + 1

    def looks_for(self) -> str:
        whole = "every number" if self.parameters.of == "all" else "a number"
        return f"{whole} in {self.required.in_words} at {self.values_needed:,} steps"

    def check(self, view: StepView) -> Finding | None:
        standing = []
        enough = False
        for name, value, state in self.metrics(view):
            enough = self.has_enough(state) or enough
            since = self._since_best(name, value, state)
            if since >= self.parameters.patience:
                standing.append((name, since, state["best"]))
        if self.parameters.of == "all":
            enough = all(state.get("seen", 0) >= self.values_needed for state in self.states.values()) and enough
        self.judged += enough
        if not standing:
            return None
        waiting = [state for state in self.states.values() if state.get("since", 0) < self.parameters.patience]
        if self.parameters.of == "all" and waiting:
            return None
        name, since, best = standing[0]
        patience = self.parameters.patience
        best_text = f"its best, {best:.6g}," if best is not None else "any finite value"
        return self.finding(
            view,
            name,
            since,
            patience,
            f"{name} has not improved on {best_text} for {since} saved values (limit {patience})",
        )

    def _since_best(self, name: str, value: float, state: dict[str, Any]) -> int:
        best = state.get("best")
        gain = math.inf if best is None else best - value
        if best is not None and _is_maximized(self.parameters.direction, name):
            gain = -gain
        if math.isfinite(value) and gain > self.parameters.min_delta:
            state.update(best=value, since=0)
        else:
            state.update(best=best, since=state.get("since", 0) + 1)
        return int(state["since"])


@dataclass(frozen=True, slots=True)
class MetricThresholdParameters(MetricParameters):
    above: float | None = number(None, "fires when the metric is above")
    below: float | None = number(None, "fires when the metric is below")
    patience: int = integer(1, "saved values in a row that must be beyond the limit", minimum=1)
    start_step: int = integer(0, "the first global step that counts", minimum=0)


class MetricThreshold(MetricRule):
    """Fires when a metric was above `above` or below `below` for `patience` saved values in a row.

    A fixed threshold with a persistence, as in statistical process control's run rules (NIST/SEMATECH e-Handbook of
    Statistical Methods, 6.3.2) and in CloudWatch alarms ("M out of N" with M = N).
    """

    name = "MetricThreshold"
    summary = "a metric is above or below a limit"
    Parameters = MetricThresholdParameters
    parameters: MetricThresholdParameters

    @property
    def judges_each_value(self) -> bool:
        return self.parameters.patience == 1

    @property
    def values_needed(self) -> int:
        return self.parameters.patience

    def looks_for(self) -> str:
        start = self.parameters.start_step
        return f"{super().looks_for()}{f', from step {start} on' if start else ''}"

    def requirement(self) -> Requirement:
        if self.parameters.above is None and self.parameters.below is None:
            raise RuleConfigurationError(f"{self.name}: one of above and below is required")
        return super().requirement()

    def check(self, view: StepView) -> Finding | None:
        if view.step < self.parameters.start_step:
            return None
        for name, value, state in self.metrics(view):
            self.judged += not math.isnan(value) and self.has_enough(state)
            limit, side = self._broken_limit(value)
            state["in_a_row"] = state.get("in_a_row", 0) + 1 if limit is not None else 0
            if state["in_a_row"] >= self.parameters.patience:
                times = f" for {state['in_a_row']} saved values" if state["in_a_row"] > 1 else ""
                return self.finding(view, name, value, limit, f"{name} is {value:.6g}, {side} {limit:g}{times}")
        return None

    def _broken_limit(self, value: float) -> tuple[float | None, str]:
        above, below = self.parameters.above, self.parameters.below
        if above is not None and value > above:
            return above, "above"
        return (below, "below") if below is not None and value < below else (None, "")


@dataclass(frozen=True, slots=True)
class DivergenceParameters(MetricParameters):
    factor: float = number(4.0, "how many times its best a loss may become", minimum=1)
    smoothing: float = number(0.0, "weight of the past in the smoothed loss (0: as saved)", minimum=0, maximum=0.999)
    patience: int = integer(1, "saved values in a row that must be beyond the limit", minimum=1)


class Divergence(MetricRule):
    """Fires when a loss explodes, before it is NaN: smoothed loss > best + (factor - 1) * max(|best|, |first - best|).

    From a start at its best (nothing learned yet) it is the criterion with which fast.ai's learning-rate finder stops,
    loss > 4 * best (after L. Smith, "Cyclical Learning Rates for Training Neural Networks", 2017); the second term
    keeps the noise of a loss that has come near zero from looking like an explosion. `smoothing` is the exponential
    average with bias correction of Kingma and Ba, "Adam" (2015). Metrics that are better when higher are left out;
    what is not finite fires.
    """

    name = "Divergence"
    summary = "a loss explodes"
    Parameters = DivergenceParameters
    parameters: DivergenceParameters
    kind = "a loss (a number that is better when lower)"

    @property
    def values_needed(self) -> int:
        return self.parameters.patience + 1

    def check(self, view: StepView) -> Finding | None:
        for name, value, state in self.metrics(view):
            if is_score(name):
                continue
            if not math.isfinite(value):
                return self.finding(view, name, value, None, f"{name} is {value}")
            self.judged += self.has_enough(state)
            loss = self._smoothed(value, state)
            first, best = state.setdefault("first", loss), state.get("best", loss)
            limit = best + (self.parameters.factor - 1) * max(abs(best), abs(first - best))
            state["best"] = min(best, loss)
            state["in_a_row"] = state.get("in_a_row", 0) + 1 if loss > limit else 0
            if state["in_a_row"] >= self.parameters.patience:
                return self.finding(
                    view, name, loss, limit, f"{name} rose to {loss:.6g} from its best, {best:.6g} (limit {limit:.6g})"
                )
        return None

    def _smoothed(self, value: float, state: dict[str, Any]) -> float:
        keep = self.parameters.smoothing
        state["count"] = state.get("count", 0) + 1
        state["sum"] = float(keep * state.get("sum", 0.0) + (1 - keep) * value)
        return float(state["sum"] / (1 - keep ** state["count"]))


@dataclass(frozen=True, slots=True)
class OscillationParameters(MetricParameters):
    window: int = integer(10, "saved values that are looked at", minimum=4)
    turning_share: float = number(0.9, "the share of turning points that is no issue", minimum=0, maximum=1)
    amplitude_percent: float = number(10.0, "the mean change, in percent of the mean size, that is no issue", minimum=0)


class Oscillation(MetricRule):
    """Fires when a metric swings up and down: more than `turning_share` of the inner points of the last `window` saved
    values are turning points, and the mean absolute change exceeds `amplitude_percent` of the mean absolute value.

    Turning points as in the turning point test (Kendall and Stuart, "The Advanced Theory of Statistics" vol. 3;
    Bienayme, 1874): pure noise turns at two thirds of its points, a monotone curve at none, a loss under too high a
    learning rate at almost all. The values are read again from the tensors, only their steps are kept.
    """

    name = "Oscillation"
    summary = "a metric swings up and down"
    Parameters = OscillationParameters
    parameters: OscillationParameters

    @property
    def values_needed(self) -> int:
        return self.parameters.window

    def check(self, view: StepView) -> Finding | None:
        for name, _, state in self.metrics(view):
            steps = [*state.get("steps", ()), view.step][-self.parameters.window :]
            state["steps"] = steps
            if len(steps) < self.parameters.window:
                continue
            values = [view.scalar(name, step) for step in steps]
            finding = self._judge(view, name, [value for value in values if value is not None])
            if finding is not None:
                return finding
        return None

    def _judge(self, view: StepView, name: str, values: list[float]) -> Finding | None:
        if len(values) < self.parameters.window or not all(map(math.isfinite, values)):
            return None
        self.judged += 1
        changes = [after - before for before, after in itertools.pairwise(values)]
        turns = sum(one * other < 0 for one, other in itertools.pairwise(changes))
        share = turns / (len(values) - 2)
        size = sum(map(abs, values)) / len(values)
        amplitude = 100 * sum(map(abs, changes)) / len(changes) / size if size else 0.0
        if share <= self.parameters.turning_share or amplitude <= self.parameters.amplitude_percent:
            return None
        sentence = (
            f"{name} turned {turns} times in its last {len(values)} saved values, by {amplitude:.3g} % on average "
            f"(limits {100 * self.parameters.turning_share:g} % of points, {self.parameters.amplitude_percent:g} %)"
        )
        return self.finding(view, name, share, self.parameters.turning_share, sentence)
