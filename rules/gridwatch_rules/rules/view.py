"""The view of a job's step that rules get: the saved tensors, their values, and the values of former steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.requirement import Requirement, Selector
from gridwatch_rules.tensors.errors import TensorUnavailableError
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.steps import SavedStep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.tensors.reader import TensorReader


class StepView:
    """One global step. Where a method takes `step`, it reads the values of that former step instead."""

    __slots__ = ("_reader", "_saved", "_selectors")

    def __init__(self, reader: TensorReader, saved: SavedStep, selectors: dict[Requirement, Selector]) -> None:
        self._reader = reader
        self._saved = saved
        self._selectors = selectors

    @property
    def step(self) -> int:
        return self._saved.step

    @property
    def mode(self) -> Mode:
        return self._saved.mode

    @property
    def mode_step(self) -> int:
        """The step counted within its mode; the global step when the job counts no modes."""
        return self._saved.mode_step

    @property
    def reader(self) -> TensorReader:
        """The reader of all the job's tensors, for rules that look beyond the step."""
        return self._reader

    @property
    def saved_names(self) -> tuple[str, ...]:
        """The names of all tensors that were saved at this step."""
        return self._saved.names

    def names(self, requirement: Requirement) -> tuple[str, ...]:
        """The tensors of the requirement that were saved at this step, whole or as reductions."""
        return self.selector(requirement).select(self._saved.names)

    def selector(self, requirement: Requirement) -> Selector:
        found = self._selectors.get(requirement)
        if found is None:
            found = self._selectors[requirement] = Selector(requirement, self._reader.collections())
        return found

    def has(self, name: str) -> bool:
        """Whether the tensor was saved whole at this step."""
        return self._saved.place(name) is not None

    def worker_of(self, name: str) -> str | None:
        """The first worker that saved the tensor whole at this step, whose value `scalar` gives."""
        return next(iter(self._saved.places(name)), None)

    def workers_of(self, name: str) -> tuple[str, ...]:
        """The workers that saved the tensor whole at this step."""
        return tuple(self._saved.places(name))

    def value(self, name: str, step: int | None = None, worker: str | None = None) -> NDArray[Any]:
        """The tensor as a read-only array, from the named worker or else the first that saved it.

        Raises TensorUnavailableError when it was not saved whole at that step.
        """
        return self._reader.value(self._at(name, step), name, worker)

    def values(self, name: str) -> Mapping[str, NDArray[Any]]:
        """The tensor by worker, for all workers that saved it whole at this step."""
        places = self._saved.places(name)
        return {worker: self._reader.value_at(place, name) for worker, place in places.items()}

    def scalar(self, name: str, step: int | None = None) -> float | None:
        """The tensor as one number; None when it holds another number of values, or text, or was not saved whole."""
        saved = self._saved if step is None else self._at(name, step)
        place = saved.place(name)
        if place is None:
            return None
        value = self._reader.value_at(place, name)
        return float(value.item()) if value.size == 1 and value.dtype.kind in "biuf" else None

    def logged_at(self, name: str) -> datetime | None:
        """The time when the tensor of this step was written, by its container's clock; None when it is not known."""
        return self._reader.logged_at(self._saved, name)

    def saved_reductions(self, name: str) -> Mapping[tuple[str, bool], float]:
        """The reductions saved at this step by the first worker that saved any."""
        kinds = self._saved.reductions(name)
        return {key: self._reader.reduction(self._saved, name, key[0], absolute=key[1]) for key in kinds}

    def reduction(self, name: str, kind: str, *, absolute: bool = False, step: int | None = None) -> float:
        """A reduction, saved or else computed. Raises TensorUnavailableError when neither is possible."""
        return self._reader.reduction(self._at(name, step), name, kind, absolute=absolute)

    def _at(self, name: str, step: int | None) -> SavedStep:
        if step is None or step == self._saved.step:
            return self._saved
        found = self._reader.step(step)
        if found is None:
            raise TensorUnavailableError(name, step)
        return found
