"""A trial and its tensors as users' rules know them from smdebug, on top of our reader. All steps are loaded at
once.
"""

from __future__ import annotations

import bisect
import logging
import re
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gridwatch.rules.custom.shim import (
    ModeKeys,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from gridwatch.tensors.collections import Collections
from gridwatch.tensors.errors import TensorUnavailableError
from gridwatch.tensors.modes import Mode
from gridwatch.tensors.reader import Cursor
from gridwatch.tensors.steps import SavedStep


class SavedTensors(Protocol):
    """What a trial reads: a TensorReader, or something in its place."""

    def new_steps(self, cursor: Cursor, *, ended: bool) -> Iterable[SavedStep]: ...

    def collections(self) -> Collections: ...

    def value(self, saved: SavedStep, name: str, worker: str | None) -> NDArray[Any]: ...

    def reduction(self, saved: SavedStep, name: str, kind: str, *, absolute: bool, worker: str | None) -> float: ...


class Trial:
    """smdebug's Trial as far as rules use it."""

    def __init__(self, reader: SavedTensors, *, ended: bool, name: str = "trial") -> None:
        self._reader = reader
        self._steps = {saved.step: saved for saved in reader.new_steps(Cursor(), ended=ended)}
        self._names = {each: None for saved in self._steps.values() for each in saved.names}
        self._by_mode: dict[ModeKeys, dict[int, int]] = {}
        for saved in self._steps.values():
            if saved.mode is not Mode.GLOBAL:
                self._by_mode.setdefault(ModeKeys(saved.mode), {})[saved.mode_step] = saved.step
        self.name = name
        self.path = name
        self.loaded_all_steps = ended
        self.last_complete_step = max(self._steps, default=-1)
        self.num_workers = reader.collections().workers
        self.dynamic_refresh = False
        self.logger = logging.getLogger("smdebug")

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, show_incomplete_steps: bool = False) -> list[int]:
        del show_incomplete_steps
        return sorted(self._steps if mode == ModeKeys.GLOBAL else self._by_mode.get(mode, {}))

    def modes(self) -> list[ModeKeys]:
        return list(self._by_mode)

    def mode(self, global_step: int) -> ModeKeys | None:
        saved = self._steps.get(global_step)
        return ModeKeys(saved.mode) if saved else None

    def mode_step(self, global_step: int) -> int | None:
        saved = self._steps.get(global_step)
        return saved.mode_step if saved else None

    def mode_modestep(self, global_step: int) -> tuple[ModeKeys | None, int | None]:
        return self.mode(global_step), self.mode_step(global_step)

    def global_step(self, mode: ModeKeys, mode_step: int) -> int | None:
        return mode_step if mode == ModeKeys.GLOBAL else self._by_mode.get(mode, {}).get(mode_step)

    def gridwatch_mode(self, global_step: int) -> Mode:
        saved = self._steps.get(global_step)
        return saved.mode if saved else Mode.GLOBAL

    def workers(self) -> list[str]:
        return sorted({each.worker for saved in self._steps.values() for each in saved.workers})

    def tensor_names(
        self,
        show_prefixed_tensors: bool = False,
        *,
        step: int | None = None,
        mode: ModeKeys = ModeKeys.GLOBAL,
        regex: str | Sequence[str] | None = None,
        collection: Any = None,
    ) -> list[str]:
        del show_prefixed_tensors
        if regex is not None and collection is not None:
            raise ValueError("Only one of `regex` or `collection` can be passed to this method")
        found = self._names_at(step, mode)
        if regex is not None:
            patterns = [regex] if isinstance(regex, str) else list(regex)
            found = {name for name in found if any(re.search(pattern, name) for pattern in patterns)}
        if collection is not None:
            wanted = getattr(collection, "name", collection)
            found = {name for name in found if self._reader.collections().has(wanted, name)}
        return sorted(found)

    def _names_at(self, step: int | None, mode: ModeKeys) -> set[str]:
        if step is not None:
            at = self.global_step(mode, step)
            saved = self._steps.get(at) if at is not None else None
            return set(saved.names) if saved else set()
        if mode == ModeKeys.GLOBAL:
            return set(self._names)
        return {name for at in self._by_mode.get(mode, {}).values() for name in self._steps[at].names}

    def has_tensor(self, tname: str) -> bool:
        return tname in self._names

    def tensor(self, tname: str) -> Tensor:
        if tname not in self._names:
            raise TensorUnavailable(tname)
        return Tensor(tname, self)

    def tensors(self) -> list[str]:
        return sorted(self._names)

    def collections(self) -> dict[str, SimpleNamespace]:
        return {name: self.collection(name) for name in self._reader.collections().by_name}

    def collection(self, coll_name: str) -> SimpleNamespace:
        found = self._reader.collections().by_name.get(coll_name)
        regexes = [pattern.pattern for pattern in found.patterns] if found else []
        return SimpleNamespace(
            name=coll_name, include_regex=regexes, tensor_names=set(found.tensor_names) if found else set()
        )

    def labels(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[Any]:
        return [
            self.tensor(name).value(step, mode) for name in self.tensor_names(step=step, mode=mode, regex="labels*")
        ]

    def predictions(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[Any]:
        names = self.tensor_names(step=step, mode=mode, regex="predictions*")
        return [self.tensor(name).value(step, mode) for name in names]

    def wait_for_steps(self, required_steps: Sequence[int], mode: ModeKeys = ModeKeys.GLOBAL) -> None:
        for step in required_steps:
            if self.global_step(mode, step) not in self._steps:
                raise StepUnavailable(step, mode)

    def maybe_refresh(self, name: str | None = None) -> None:
        """Everything is loaded."""

    def refresh_data(self) -> None:
        """Everything is loaded."""

    def saved(self, step: int, mode: ModeKeys) -> SavedStep:
        at = self.global_step(mode, step)
        found = self._steps.get(at) if at is not None else None
        if found is None:
            raise StepUnavailable(step, mode)
        return found

    @property
    def reader(self) -> SavedTensors:
        return self._reader


class _OneNumber(np.ndarray[Any, Any]):
    """A scalar, which smdebug saves with the shape (1,): rules write `float(value)`, as numpy allowed until 2.4."""

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())


class Tensor:
    """smdebug's Tensor as far as rules use it. Steps are global ones, or those of the mode that is named."""

    def __init__(self, name: str, trial: Trial) -> None:
        self.name = name
        self.trial = trial
        self.original_name = name

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, show_incomplete_steps: bool = False) -> list[int]:
        return [
            step
            for step in self.trial.steps(mode, show_incomplete_steps)
            if self.name in self.trial.saved(step, mode).names
        ]

    def prev_steps(self, step: int, n: int | None = None, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        """The last `n` saved steps of the tensor up to and with `step` (all when `n` is None)."""
        steps = self.trial.steps(mode)
        found: list[int] = []
        for before in reversed(steps[: bisect.bisect_right(steps, step)]):
            if self.name in self.trial.saved(before, mode).names:
                found.append(before)
                if n and len(found) == n:
                    break
        return found[::-1]

    def workers(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[str]:
        return [each.worker for each in self.trial.saved(step_num, mode).workers if self.name in each.names]

    def value(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> NDArray[Any]:
        saved = self.trial.saved(step_num, mode)
        try:
            found = self.trial.reader.value(saved, self.name, worker).copy()  # smdebug's may be written to
        except TensorUnavailableError:
            raise TensorUnavailableForStep(self.name, step_num, mode, self.name in saved.names) from None
        return found.view(_OneNumber) if found.size == 1 else found

    def values(self, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> dict[int, NDArray[Any]]:
        return {step: self.value(step, mode, worker) for step in self.steps(mode)}

    def shape(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> tuple[int, ...]:
        return self.value(step_num, mode, worker).shape

    def reduction_value(
        self,
        step_num: int,
        reduction_name: str,
        mode: ModeKeys = ModeKeys.GLOBAL,
        worker: str | None = None,
        abs: bool = False,  # noqa: A002 - smdebug's name
    ) -> float:
        saved = self.trial.saved(step_num, mode)
        try:
            return self.trial.reader.reduction(saved, self.name, reduction_name, absolute=abs, worker=worker)
        except TensorUnavailableError:
            raise TensorUnavailableForStep(self.name, step_num, mode) from None

    def reduction_values(
        self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None
    ) -> dict[tuple[str, bool], float]:
        saved = self.trial.saved(step_num, mode)
        return {
            (kind, absolute): self.reduction_value(step_num, kind, mode, worker, absolute)
            for kind, absolute in saved.reductions(self.name, worker)
        }
