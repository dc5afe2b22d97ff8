"""The tensors and steps that a rule needs before it is invoked. When one was not saved, the step is passed over."""

from __future__ import annotations

from collections.abc import KeysView, ValuesView
from typing import Any

from gridwatch_rules.rules.custom.smdebug.exceptions import TensorUnavailable


class RequiredTensors:
    """The required tensors of the base trial and of other trials."""

    def __init__(self, base_trial: Any, other_trials: Any) -> None:
        self.base_trial = base_trial
        self._per_trial = {trial: RequiredTensorsForTrial(trial) for trial in (base_trial, *(other_trials or ()))}

    def add(self, name: str, steps: list[int], trial: Any = None, should_match_regex: bool = False) -> None:
        self._of(trial).add(name, steps, should_match_regex=should_match_regex)

    def get_tensor_steps(self, name: str, trial: Any = None) -> list[int]:
        return self._of(trial).get_tensor_steps(name)

    def get_names(self, trial: Any = None) -> KeysView[str]:
        return self._of(trial).get_names()

    def get(self, trial: Any = None) -> ValuesView[Any]:
        return self._of(trial).get()

    def clear(self) -> None:
        for each in self._per_trial.values():
            each.clear()

    def fetch(self) -> None:
        for each in self._per_trial.values():
            each.fetch()

    def _of(self, trial: Any) -> RequiredTensorsForTrial:
        return self._per_trial[self.base_trial if trial is None else trial]


class RequiredTensorsForTrial:
    def __init__(self, trial: Any) -> None:
        self.trial = trial
        self.logger = trial.logger
        self._tensor_steps: dict[str, list[int]] = {}
        self._tensors: dict[str, Any] = {}

    def add(self, name: str, steps: list[int], should_match_regex: bool = False) -> None:
        if should_match_regex:
            for each in self.trial.tensor_names(regex=[name]):
                self._add(each, steps)
            return
        if not self.trial.has_tensor(name):
            raise TensorUnavailable(name)
        self._add(name, steps)

    def _add(self, name: str, steps: list[int]) -> None:
        if name in self._tensor_steps:
            self._tensor_steps[name].extend(steps)  # as in smdebug, this changes the caller's list
        else:
            self._tensor_steps[name] = steps
        self._tensors.setdefault(name, self.trial.tensor(name))

    def get_tensor_steps(self, name: str) -> list[int]:
        return self._tensor_steps[name]

    def get_names(self) -> KeysView[str]:
        return self._tensor_steps.keys()

    def get(self) -> ValuesView[Any]:
        return self._tensors.values()

    def clear(self) -> None:
        self._tensor_steps.clear()
        self._tensors.clear()

    def fetch(self) -> None:
        """Read every required value. Raises smdebug's exception for a value that is missing."""
        self.trial.wait_for_steps(sorted({step for steps in self._tensor_steps.values() for step in steps}))
        for name, steps in self._tensor_steps.items():
            for step in steps:
                self._tensors[name].value(step)
