"""A tensor over the steps of a trial: its values, reductions and shapes, by mode and worker."""

from __future__ import annotations

import bisect
from enum import Enum
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.custom.smdebug.core.locations import TensorLocation, TensorShape
from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.core.reductions import get_numpy_reduction
from gridwatch_rules.rules.custom.smdebug.exceptions import (
    InvalidWorker,
    ShapeUnavailableForStep,
    SMDebugNotImplementedError,
    SMDebugValueError,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailableForStep,
)

if TYPE_CHECKING:
    from gridwatch_rules.rules.custom.smdebug.trials.trial import Trial


class StepState(Enum):
    UNAVAILABLE = 0
    AVAILABLE = 1
    NOT_YET_AVAILABLE = 2


class Step:
    """One worker's data of a tensor at a step: value or place, shape, and reductions by (name, absolute)."""

    __slots__ = ("_reduction_locations", "_reduction_values", "location", "shape", "step_num", "value")

    def __init__(
        self,
        step_num: int,
        value: Any = None,
        location: TensorLocation | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        self.step_num = step_num
        self.value = value
        self.location = location
        self.shape = shape
        self._reduction_values: dict[tuple[str, bool], Any] = {}
        self._reduction_locations: dict[tuple[str, bool], TensorLocation] = {}

    def reduction_values(self) -> dict[tuple[str, bool], Any]:
        return self._reduction_values

    def reduction_value(self, red_name: str, abs: bool) -> Any:
        return self._reduction_values.get((red_name, abs))

    def reduction_locations(self) -> dict[tuple[str, bool], TensorLocation]:
        return self._reduction_locations

    def reduction_location(self, red_name: str, abs: bool) -> TensorLocation | None:
        return self._reduction_locations.get((red_name, abs))

    def set_reduction_value(self, red_name: str, abs: bool, red_value: Any) -> None:
        self._reduction_values[red_name, abs] = red_value

    def set_reduction_location(self, red_name: str, abs: bool, red_location: TensorLocation) -> None:
        self._reduction_locations[red_name, abs] = red_location


class ModeSteps:
    """The steps of one mode, each with the data that its workers saved."""

    def __init__(self, mode: ModeKeys) -> None:
        self.mode = mode
        self._steps: dict[int, dict[str, Step]] = {}

    def steps(self) -> list[int]:
        return sorted(self._steps, key=int)

    def has_step(self, step_num: int) -> bool:
        return step_num in self._steps

    def step(self, step_num: int) -> dict[str, Step]:
        return self._steps[step_num]

    def set_step_value(self, step_num: int, worker: str, value: Any) -> None:
        self._step_of(step_num, worker).value = value

    def set_step_location(self, step_num: int, worker: str, location: TensorLocation) -> None:
        self._step_of(step_num, worker).location = location

    def set_step_shape(self, step_num: int, worker: str, shape: tuple[int, ...]) -> None:
        self._step_of(step_num, worker).shape = shape

    def set_step_reduction_value(self, step_num: int, worker: str, red_name: str, abs: bool, red_value: Any) -> None:
        self._step_of(step_num, worker).set_reduction_value(red_name, abs, red_value)

    def set_step_reduction_location(
        self, step_num: int, worker: str, red_name: str, abs: bool, red_location: TensorLocation
    ) -> None:
        self._step_of(step_num, worker).set_reduction_location(red_name, abs, red_location)

    def _step_of(self, step_num: int, worker: str) -> Step:
        return self._steps.setdefault(step_num, {}).setdefault(worker, Step(step_num))


class Tensor:
    """A tensor of a trial. Steps are global ones, or those of the mode that is given."""

    def __init__(self, name: str, trial: Trial, cache: bool) -> None:
        self._mode_steps: dict[ModeKeys, ModeSteps] = {}
        self._in_order: list[int] = []  # cache of its global steps until more are added
        self.name = name
        self.original_name: str | None = None  # known only by its shape
        self.trial = trial
        self.cache = cache

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, show_incomplete_steps: bool = False) -> list[int]:
        """The complete steps at which the tensor was saved, or all steps when those are asked for."""
        every = self._all_steps(mode)
        if show_incomplete_steps is True:
            return every
        # As in smdebug, a mode's step is compared with the last complete global step.
        if self.trial.loaded_all_steps is True:
            return every
        return [step for step in every if self.trial.last_complete_step >= step]

    def _all_steps(self, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        self.trial.maybe_refresh()
        if mode == ModeKeys.GLOBAL:
            return self._global_steps()
        return self._mode_steps[mode].steps() if mode in self._mode_steps else []

    def _global_steps(self) -> list[int]:
        if not self._in_order:
            found: list[Any] = []
            for mode, steps in self._mode_steps.items():
                found.extend(self.trial.global_step(mode, step) for step in steps.steps())
            self._in_order = sorted(found, key=int)
        return list(self._in_order)

    def _has_mode_step_currently(self, step_num: int, mode: ModeKeys) -> bool:
        return mode in self._mode_steps and self._mode_steps[mode].has_step(step_num)

    def _get_step_dict(self, step_num: Any, mode: Any) -> dict[str, Step] | None:
        if mode == ModeKeys.GLOBAL and not self._has_mode_step_currently(step_num, mode):
            mode, step_num = self.trial.mode_modestep(step_num)
        return self._mode_steps[mode].step(step_num) if self._has_mode_step_currently(step_num, mode) else None

    def _get_step_currently(self, step_num: int, mode: ModeKeys, worker: str | None = None) -> Step | None:
        """The data saved by the worker, or if none is given by the first worker in order of names."""
        by_worker = self._get_step_dict(step_num, mode)
        if by_worker is None:
            return None
        if worker and worker not in by_worker:
            raise InvalidWorker(worker)
        return by_worker[min(by_worker) if worker is None else worker]

    def step(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> None:
        raise SMDebugNotImplementedError(
            "step method has been removed. Please use tensor.value or tensor.reduction_value methods"
        )

    def _step(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> Step:
        found = self._get_step_currently(step_num, mode, worker=worker)
        if found is not None:
            return found
        self.trial.maybe_refresh(self.name)
        state = self.trial.has_passed_step(step_num, mode)
        if state is StepState.UNAVAILABLE:
            raise StepUnavailable(step_num, mode)
        if state is StepState.NOT_YET_AVAILABLE:
            raise StepNotYetAvailable(step_num, mode)
        found = self._get_step_currently(step_num, mode, worker=worker)
        if found is None:
            raise TensorUnavailableForStep(self.name, step_num, mode)
        return found

    def values(self, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> dict[int, Any]:
        return {step: self.value(step_num=step, mode=mode, worker=worker) for step in self.steps(mode=mode)}

    def value(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> Any:
        found = self._step(step_num=step_num, mode=mode, worker=worker)
        if found.value is None and found.location is None:
            has_reductions = bool(found.reduction_values() or found.reduction_locations())
            raise TensorUnavailableForStep(self.name, step_num, mode, has_reductions)
        return self._value_of(found)

    def _value_of(self, found: Step) -> Any:
        """The value of a tensor that was saved whole."""
        if found.value is not None or found.location is None:
            return found.value
        value = self.trial.index_reader.fetch_tensor_value(found.location)
        if self.cache:
            found.value = value
        return value

    def shape(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> tuple[int, ...]:
        found = self._step(step_num=step_num, mode=mode, worker=worker)
        if found.shape is not None:
            self.trial.index_reader.lookups.read += 1
            return found.shape
        try:
            shape: tuple[int, ...] = self.value(step_num, mode, worker).shape
        except TensorUnavailableForStep:
            raise ShapeUnavailableForStep(self.name, step_num, mode) from None
        return shape

    def reduction_values(
        self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None
    ) -> dict[tuple[str, bool], Any]:
        """The reductions that were saved."""
        found = self._step(step_num=step_num, mode=mode, worker=worker)
        kinds = found.reduction_locations() if self.trial.index_mode else found.reduction_values()
        return {
            (kind, absolute): self.reduction_value(step_num, kind, mode, worker, absolute)
            for kind, absolute in list(kinds)
        }

    def workers(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[str]:
        by_worker = self._get_step_dict(step_num, mode)
        if by_worker is None:
            raise TensorUnavailableForStep(self.name, step_num, mode)
        return list(by_worker)

    def reduction_value(
        self,
        step_num: int,
        reduction_name: str,
        mode: ModeKeys = ModeKeys.GLOBAL,
        worker: str | None = None,
        abs: bool = False,
    ) -> Any:
        """The saved reduction, an array of one number, or if it was not saved, the number that numpy computes from the
        tensor.
        """
        found = self._step(step_num=step_num, mode=mode, worker=worker)
        saved = found.reduction_value(reduction_name, abs)
        if saved is not None:
            return saved
        location = found.reduction_location(reduction_name, abs)
        if location is not None:
            return self.trial.index_reader.fetch_tensor_value(location)
        if found.value is None and found.location is None:
            raise TensorUnavailableForStep(tname=reduction_name, step=step_num, mode=mode)
        return get_numpy_reduction(reduction_name, self._value_of(found), abs)

    def _create_mode_step(self, mode: ModeKeys, mode_step: int) -> ModeSteps:
        if int(mode_step) < 0:
            raise SMDebugValueError(f"mode step number {mode_step} for tensor {self.name} can not be less than 0")
        self._in_order = []
        return self._mode_steps.setdefault(mode, ModeSteps(mode))

    def add_step(
        self,
        mode: ModeKeys,
        mode_step: int,
        worker: str,
        tensor_location: TensorLocation | None,
        tensor_shape: TensorShape | None,
    ) -> None:
        steps = self._create_mode_step(mode, mode_step)
        if tensor_location is not None:
            steps.set_step_location(mode_step, worker, tensor_location)
        if tensor_shape is not None:
            steps.set_step_shape(mode_step, worker, tensor_shape.shape)
            self.original_name = tensor_shape.original_name

    def add_reduction_step(
        self, mode: ModeKeys, mode_step: int, worker: str, red_name: str, abs: bool, red_location: TensorLocation
    ) -> None:
        steps = self._create_mode_step(mode, mode_step)
        steps.set_step_reduction_location(mode_step, worker, red_name, abs, red_location)

    def prev_steps(self, step: int, n: int | None = None, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        """The last `n` saved steps up to and including `step`; all of them when `n` is None or 0."""
        steps = self.steps(mode=mode)
        before = steps[: bisect.bisect_right(steps, step)]
        return before[-n:] if n else before
