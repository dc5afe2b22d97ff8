"""The trial through which a rule sees a job's tensors, steps, modes, workers and collections."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import KeysView, Sequence
from typing import Any

from gridwatch_rules.rules.custom.recorded import wait_for
from gridwatch_rules.rules.custom.smdebug.analysis.utils import _tensor_name_sorter, refresh
from gridwatch_rules.rules.custom.smdebug.core.collection import Collection, CollectionKeys
from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.core.tensor import StepState, Tensor
from gridwatch_rules.rules.custom.smdebug.core.utils import flatten, match_inc
from gridwatch_rules.rules.custom.smdebug.exceptions import NoMoreData, StepUnavailable, TensorUnavailable
from gridwatch_rules.rules.custom.smdebug.trials.loading import LoadedTrial


class Trial(LoadedTrial):
    """smdebug's Trial: access to one job's tensors."""

    def __repr__(self) -> str:
        return (
            f"<{type(self).__module__}.{type(self).__name__} object at {hex(id(self))}>:(\n"
            f"    name={self.name},\n"
            f"    path={self.path},\n"
            f"    steps={self.steps()},\n"
            f"    collections={list(self.collections().keys())},\n"
            f"    tensor_names={self.tensor_names()},\n"
            f")"
        )

    def __hash__(self) -> int:
        return hash((self.name, self.path))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trial) and (self.name, self.path) == (other.name, other.path)

    def tensor(self, tname: str) -> Tensor:
        if not self.has_tensor(tname):
            raise TensorUnavailable(tname)
        return self._tensors[tname]

    def has_tensor(self, tname: str) -> bool:
        if tname not in self._tensors:
            self.maybe_refresh(tname)
        if tname not in self._tensors:
            self.index_reader.lookups.miss(tname)
        return tname in self._tensors

    def _tensors_matching_regex(self, regex_list: Any) -> set[str]:
        patterns = flatten(regex_list if isinstance(regex_list, list) else [regex_list])
        return {name for name in self._tensors if match_inc(name, patterns)}

    @staticmethod
    def _parse_collection_name(collection: Any) -> str:
        if isinstance(collection, Collection):
            return collection.name
        if type(collection) is str:
            return collection
        raise TypeError(f"Invalid argument type for collection {collection.__class__}")

    def _tensors_in_collection(self, collection: Any) -> set[str]:
        found = self.collection(self._parse_collection_name(collection))
        names = set(found.tensor_names)
        return names | self._tensors_matching_regex(found.include_regex) if found.include_regex else names

    def tensor_names(
        self,
        show_prefixed_tensors: bool = False,
        *,
        step: int | None = None,
        mode: ModeKeys = ModeKeys.GLOBAL,
        regex: Any = None,
        collection: Any = None,
    ) -> list[str]:
        self.maybe_refresh()
        names = self._names_at(step, mode)
        if regex is not None and collection is not None:
            raise ValueError("Only one of `regex` or `collection` can be passed to this method")
        if collection is not None:
            names &= self._tensors_in_collection(collection) & set(self._tensors)
        elif regex is not None:
            names &= self._tensors_matching_regex(regex)
        if not names:
            self.index_reader.lookups.miss(_asked_for(regex, collection))
        return sorted(names)

    def _names_at(self, step: int | None, mode: ModeKeys) -> set[str]:
        if step is not None:
            return set(self._tensors_for_step(step, mode))
        return set(self._tensors) if mode == ModeKeys.GLOBAL else set(self.mode_to_tensors_map[mode])

    def _tensors_for_step(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[str]:
        at = self._mode_to_global[mode][step] if mode != ModeKeys.GLOBAL else step
        return list(self.global_step_to_tensors_map.get(at, ()))

    def inputs(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[Any]:
        return self._values_of(step, self.tensor_names(True, step=step, mode=mode, collection=CollectionKeys.INPUTS))

    def labels(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[Any]:
        return self._values_of(step, self.tensor_names(True, step=step, mode=mode, regex="labels*"))

    def predictions(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[Any]:
        return self._values_of(step, self.tensor_names(True, step=step, mode=mode, regex="predictions*"))

    def _values_of(self, step: int, names: list[str]) -> list[Any]:
        """The values at a step. As in smdebug it is the global step of that number, whatever the mode."""
        return [self.tensor(name).value(step) for name in sorted(names, key=_tensor_name_sorter)]

    def workers(self) -> list[str]:
        self.maybe_refresh()
        return sorted(self.worker_set)

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, show_incomplete_steps: bool = False) -> list[int]:
        """The steps that every worker has written, or all steps."""
        every = self._all_steps(mode)
        if show_incomplete_steps is True or self.loaded_all_steps is True:
            return every
        return [step for step in every if self._is_complete(self._global(mode, step))]

    def _is_complete(self, step: int) -> bool:
        written = len(self.workers_for_global_step[step])
        return written == self.num_workers or self.loaded_all_steps is True or self.last_complete_step >= step

    def _global(self, mode: ModeKeys, step: int) -> int:
        return self._mode_to_global[mode][step] if mode != ModeKeys.GLOBAL else step

    def _all_steps(self, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        return list(self._ordered(mode))

    def _ordered(self, mode: ModeKeys) -> list[int]:
        """The steps in order, as one shared list, because a rule may be invoked for a million numbers of which few were
        saved.
        """
        self.maybe_refresh()
        if mode not in self._in_order:
            self._in_order[mode] = sorted(
                self._global_to_mode if mode == ModeKeys.GLOBAL else self._mode_to_global.get(mode, ())
            )
        return self._in_order[mode]

    def _global_step_currently(self, mode: ModeKeys, mode_step: int) -> int | None:
        return mode_step if mode == ModeKeys.GLOBAL else self._mode_to_global.get(mode, {}).get(mode_step)

    def global_step(self, mode: ModeKeys, mode_step: int) -> int | None:
        found = self._global_step_currently(mode, mode_step)
        if found is None:
            self.maybe_refresh()
            found = self._global_step_currently(mode, mode_step)
        return found

    def _mode_modestep_currently(self, global_step: int) -> tuple[ModeKeys, int] | None:
        return self._global_to_mode.get(global_step)

    def mode_modestep(self, global_step: int) -> tuple[ModeKeys | None, int | None]:
        found = self._mode_modestep_currently(global_step)
        if found is None:
            self.maybe_refresh()
            found = self._mode_modestep_currently(global_step)
        return (None, None) if found is None else found

    def mode_step(self, global_step: int) -> int | None:
        return self.mode_modestep(global_step)[1]

    def mode(self, global_step: int) -> ModeKeys | None:
        return self.mode_modestep(global_step)[0]

    def modes(self) -> KeysView[ModeKeys]:
        """The modes in which steps were saved, without GLOBAL."""
        return self._mode_to_global.keys()

    def collections(self) -> dict[str, Collection]:
        return self.collection_manager.collections

    def collection(self, coll_name: str) -> Collection:
        return self.collection_manager.get(coll_name)

    def wait_for_steps(self, required_steps: Sequence[int], mode: ModeKeys = ModeKeys.GLOBAL) -> None:
        with refresh(self):
            for step in required_steps:
                state = self.has_passed_step(step, mode)
                if state is StepState.NOT_YET_AVAILABLE:
                    raise wait_for(f"step {step} of mode {getattr(mode, 'name', mode)}")
                if state is StepState.UNAVAILABLE:
                    self._pass_over(step, mode)

    def _pass_over(self, step: int, mode: ModeKeys) -> None:
        saved = self._ordered(mode)
        last = saved[-1] if saved else -1
        if self.loaded_all_steps is False or step < last:
            raise StepUnavailable(step, mode)
        raise NoMoreData(step, mode, last)

    def has_passed_step(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> StepState:
        """The state of a step. AVAILABLE means that no worker will add to it; UNAVAILABLE, that no worker has written
        it or will.
        """
        steps = self._ordered(mode)
        place = bisect_left(steps, step)
        if place == len(steps):
            return StepState.UNAVAILABLE if self.loaded_all_steps is True else StepState.NOT_YET_AVAILABLE
        at = self._global(mode, steps[place])
        if steps[place] > step:
            passed = self.last_complete_step >= at
            return StepState.UNAVAILABLE if passed else StepState.NOT_YET_AVAILABLE
        return StepState.AVAILABLE if self._is_complete(at) else StepState.NOT_YET_AVAILABLE


def _asked_for(regex: Any, collection: Any) -> str:
    """A description of the tensors that were asked for."""
    if collection is not None:
        return f"tensors of collection={getattr(collection, 'name', collection)}"
    return "any tensor" if regex is None else f"tensors of regex={regex}"
