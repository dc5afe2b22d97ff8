"""The part of smdebug's public interface that rule files import, under smdebug's own names.

`install` puts it into sys.modules for this process; smdebug need not be installed, and where it is, what is not named
here still comes from it. Signatures follow smdebug 1.0.34, except that `Rule` also takes older files'
`super().__init__(trial)`.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from types import ModuleType
from typing import Any


class ModeKeys(Enum):
    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4


class SMDebugError(Exception):
    pass


class StepUnavailable(SMDebugError):  # noqa: N818 - smdebug's names
    def __init__(self, step: int, mode: ModeKeys) -> None:
        super().__init__(f"Step {step} of mode {mode.name} is not available as it was not saved")
        self.step, self.mode = step, mode


class StepNotYetAvailable(SMDebugError):  # noqa: N818
    def __init__(self, step: int, mode: ModeKeys) -> None:
        super().__init__(f"Step {step} of mode {mode.name} not yet available")
        self.step, self.mode = step, mode


class TensorUnavailable(SMDebugError):  # noqa: N818
    def __init__(self, tname: str) -> None:
        super().__init__(f"Tensor {tname} was not saved.")
        self.tname = tname


class TensorUnavailableForStep(SMDebugError):  # noqa: N818
    def __init__(self, tname: str, step: int, mode: ModeKeys = ModeKeys.GLOBAL, has_reductions: bool = False) -> None:
        hint = " This tensor has reductions saved for this step." if has_reductions else ""
        super().__init__(f"Value for tensor {tname} is not available for step {step} with mode {mode.name}.{hint}")
        self.tname, self.step, self.mode, self.has_reductions = tname, step, mode, has_reductions


class NoMoreData(SMDebugError):  # noqa: N818
    def __init__(self, step: int, mode: ModeKeys, last_step: int) -> None:
        super().__init__(f"Looking for step {step} of mode {mode.name}, the last one is {last_step}")
        self.step, self.mode, self.last_step = step, mode, last_step


class RuleEvaluationConditionMet(SMDebugError):  # noqa: N818
    def __init__(self, rule_name: str, step: int | None, end_of_rule: bool = False) -> None:
        super().__init__(f"Evaluation of the rule {rule_name} at step {step} resulted in the condition being met")
        self.rule_name, self.step, self.end_of_rule = rule_name, step, end_of_rule


class RequiredTensors:
    """Tensors and steps a rule asks for before it is invoked; one that was not saved makes it pass the step over."""

    def __init__(self, base_trial: Any, other_trials: Sequence[Any] | None = None) -> None:
        self.base_trial = base_trial
        self._wanted: dict[int, dict[str, list[int]]] = {}
        self._trials = {id(trial): trial for trial in (base_trial, *(other_trials or ()))}

    def add(self, name: str, steps: Sequence[int], trial: Any = None, should_match_regex: bool = False) -> None:
        trial = self.base_trial if trial is None else trial
        names = trial.tensor_names(regex=[name]) if should_match_regex else [name]
        for each in names:
            if not trial.has_tensor(each):
                raise TensorUnavailable(each)
            self._wanted.setdefault(id(trial), {}).setdefault(each, []).extend(steps)

    def get_names(self, trial: Any = None) -> Any:
        return self._of(trial).keys()

    def get_tensor_steps(self, name: str, trial: Any = None) -> list[int]:
        return self._of(trial)[name]

    def get(self, trial: Any = None) -> Any:
        chosen = self.base_trial if trial is None else trial
        return [chosen.tensor(name) for name in self._of(trial)]

    def clear(self) -> None:
        self._wanted.clear()

    def fetch(self) -> None:
        for key, names in self._wanted.items():
            trial = self._trials[key]
            trial.wait_for_steps(sorted({step for steps in names.values() for step in steps}))
            for name, steps in names.items():
                for step in steps:
                    if name not in trial.tensor_names(step=step):
                        raise TensorUnavailableForStep(name, step)

    def _of(self, trial: Any) -> dict[str, list[int]]:
        return self._wanted.get(id(self.base_trial if trial is None else trial), {})


class Rule(ABC):
    """smdebug's Rule."""

    def __init__(self, base_trial: Any, action_str: str | None = "", other_trials: Sequence[Any] | None = None) -> None:
        del action_str  # what is done about a finding is the spec's policy
        self.base_trial = base_trial
        self.other_trials = other_trials
        self.trials = [base_trial, *(other_trials or ())]
        self.req_tensors = RequiredTensors(base_trial, other_trials)
        self.logger = logging.getLogger("smdebug")
        self.rule_name = type(self).__name__
        self.report: dict[str, Any] = {
            "RuleTriggered": 0, "Violations": 0, "Details": {}, "Datapoints": 0, "RuleParameters": "",
        }  # fmt: skip

    def set_required_tensors(self, step: int) -> None:  # noqa: B027 - may be left as it is, as in smdebug
        pass

    @abstractmethod
    def invoke_at_step(self, step: int) -> bool: ...

    def invoke(self, step: int) -> None:
        self.base_trial.wait_for_steps([step])
        self.req_tensors.clear()
        self.set_required_tensors(step)
        self.req_tensors.fetch()
        if self.invoke_at_step(step):
            raise RuleEvaluationConditionMet(self.rule_name, step)


def invoke_rule(
    rule_obj: Rule, start_step: int = 0, end_step: int | None = None, raise_eval_cond: bool = False
) -> None:
    """Smdebug's loop, for files that run themselves: it ends with NoMoreData unless `end_step` ends it."""
    trial = rule_obj.base_trial
    for step in trial.steps():
        if start_step <= step and (end_step is None or step < end_step):
            try:
                rule_obj.invoke(step)
            except (TensorUnavailableForStep, StepUnavailable, TensorUnavailable):
                continue
            except RuleEvaluationConditionMet:
                if raise_eval_cond:
                    raise
    if end_step is None:
        raise NoMoreData(trial.last_complete_step + 1, ModeKeys.GLOBAL, trial.last_complete_step)


class CollectionKeys:
    DEFAULT, ALL, INPUTS, OUTPUTS, WEIGHTS, GRADIENTS = "default", "all", "inputs", "outputs", "weights", "gradients"
    LOSSES, BIASES, LAYERS, SM_METRICS, METRICS = "losses", "biases", "layers", "sm_metrics", "metrics"
    OPTIMIZER_VARIABLES, TENSORFLOW_SUMMARIES = "optimizer_variables", "tensorflow_summaries"
    HYPERPARAMETERS, PREDICTIONS, LABELS = "hyperparameters", "predictions", "labels"
    FEATURE_IMPORTANCE, AVERAGE_SHAP, FULL_SHAP, TREES = "feature_importance", "average_shap", "full_shap", "trees"


@contextmanager
def no_refresh(trials: Any) -> Iterator[Any]:
    """Our trials are loaded once."""
    yield trials


def parse_list_from_str(arg: Any, delimiter: str = ",") -> Any:
    if arg is None or arg == "":
        return []
    return arg.split(delimiter) if isinstance(arg, str) else arg


def parse_bool(arg: Any, default: bool) -> bool:
    if arg is None:
        return default
    if str(arg).lower() not in ("true", "false"):
        raise ValueError(f"boolean argument expected, but found {arg}")
    return str(arg).lower() == "true"


def get_logger(name: str = "smdebug") -> logging.Logger:
    return logging.getLogger(name)


_EXCEPTIONS = (
    SMDebugError, StepUnavailable, StepNotYetAvailable, TensorUnavailable, TensorUnavailableForStep, NoMoreData,
    RuleEvaluationConditionMet,
)  # fmt: skip
_MODULES: dict[str, dict[str, Any]] = {
    "smdebug": {"modes": ModeKeys, "CollectionKeys": CollectionKeys},
    "smdebug.exceptions": {error.__name__: error for error in _EXCEPTIONS},
    "smdebug.rules": {"Rule": Rule, "RequiredTensors": RequiredTensors, "invoke_rule": invoke_rule},
    "smdebug.rules.rule_invoker": {"invoke_rule": invoke_rule},
    "smdebug.rules.rule": {"Rule": Rule},
    "smdebug.rules.req_tensors": {"RequiredTensors": RequiredTensors},
    "smdebug.core": {},
    "smdebug.core.modes": {"ModeKeys": ModeKeys},
    "smdebug.core.collection": {"CollectionKeys": CollectionKeys},
    "smdebug.core.logger": {"get_logger": get_logger},
    "smdebug.analysis": {},
    "smdebug.analysis.utils": {
        "no_refresh": no_refresh, "refresh": no_refresh, "parse_bool": parse_bool,
        "parse_list_from_str": parse_list_from_str,
    },
}  # fmt: skip


def install(create_trial: Callable[..., Any]) -> None:
    """Makes the modules importable under smdebug's names, in this process. `create_trial` opens a tensor folder."""
    real = importlib.util.find_spec("smdebug")
    root = list(real.submodule_search_locations or ()) if real is not None else []
    trials = {"create_trial": create_trial}
    for name, content in {**_MODULES, "smdebug.trials": trials, "smdebug.trials.utils": trials}.items():
        module = ModuleType(name)
        module.__path__ = [f"{place}/{'/'.join(name.split('.')[1:])}" for place in root]
        vars(module).update(content)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


@contextmanager
def installed(create_trial: Callable[..., Any]) -> Iterator[None]:
    """The modules are importable while this lasts, and afterwards what was there before."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "smdebug"}
    for name in before:
        del sys.modules[name]
    install(create_trial)
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "smdebug"]:
            del sys.modules[name]
        sys.modules.update(before)
