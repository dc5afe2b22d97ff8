"""Loads a trial's data: its collections, and what each worker saved at each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from gridwatch_rules.rules.custom.recorded import Recorded, wait_for
from gridwatch_rules.rules.custom.smdebug.core.collection_manager import CollectionManager
from gridwatch_rules.rules.custom.smdebug.core.config_constants import INCOMPLETE_STEP_WAIT_WINDOW_DEFAULT
from gridwatch_rules.rules.custom.smdebug.core.index_reader import IndexReader
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.core.reductions import REDUCTIONS_PREFIX, reverse_reduction_tensor_name
from gridwatch_rules.rules.custom.smdebug.core.tensor import Tensor
from gridwatch_rules.rules.custom.smdebug.core.utils import get_worker_name_from_collection_file
from gridwatch_rules.rules.custom.smdebug.exceptions import MissingCollectionFiles
from gridwatch_rules.tensors.errors import CorruptTensorError

if TYPE_CHECKING:
    from gridwatch_rules.rules.custom.smdebug.trials.trial import Trial


class LoadedTrial:
    """A trial that knows only the data written before it was created. Where smdebug would wait for more, it raises
    `Waiting`.
    """

    index_reader: IndexReader
    collection_manager: CollectionManager

    def __init__(
        self,
        name: str,
        range_steps: tuple[Any, Any] | None = None,
        parallel: bool = True,
        check: bool = False,
        index_mode: bool = True,
        cache: bool = False,
    ) -> None:
        self.name = name
        self.path = ""
        self.logger = get_logger()
        self.parallel = parallel
        self.check = check
        self.range_steps = range_steps
        self.index_mode = index_mode
        self.cache = cache
        self.loaded_all_steps = False
        self.dynamic_refresh = True  # off for speed while rules are invoked
        self.num_workers = 0
        self.worker_set: set[str] = set()
        self.workers_for_global_step: dict[int, set[str]] = {}
        self.last_complete_step = -1
        self.last_index_token: str | None = None
        self.last_event_token: str | None = None
        self.global_step_to_tensors_map: dict[int, set[str]] = {}
        self.mode_to_tensors_map: dict[ModeKeys, set[str]] = {}
        self._tensors: dict[str, Tensor] = {}
        self._mode_to_global: dict[ModeKeys, dict[int, int]] = {}  # without GLOBAL
        self._global_to_mode: dict[int, tuple[ModeKeys, int]] = {}
        self._in_order: dict[ModeKeys, list[int]] = {}  # cache of the steps of each mode until more are read
        self._incomplete_wait_for_step_window = INCOMPLETE_STEP_WAIT_WINDOW_DEFAULT
        _check_range(range_steps)

    def _load(self) -> None:
        self._load_collections()
        self.refresh_data()

    @property
    def _recorded(self) -> Recorded:
        return self.index_reader.recorded

    @property
    def index_tensors_dict(self) -> dict[str, Any]:
        """The content of the index, read afresh, because for a long job it takes as much memory as everything else."""
        return self.index_reader.load_tensor_data_from_index_files(None, self.range_steps)[0]

    def _load_collections(self) -> None:
        files = self._recorded.collection_files()
        self._require_collections(files, 1)
        self.collection_manager = self._parsed(*next(iter(files.items())))
        self.num_workers = self.collection_manager.get_num_workers()
        self._require_collections(files, self.num_workers)
        self.worker_set.update(get_worker_name_from_collection_file(f"/{key}") for key in files)

    def _parsed(self, key: str, content: bytes) -> CollectionManager:
        try:
            return CollectionManager.load_from_string(content.decode()) or CollectionManager()
        except ValueError as error:
            if self._recorded.ended:
                raise CorruptTensorError(key, f"not JSON ({error})") from error
            raise wait_for(key) from None  # it may still be being written

    def _require_collections(self, files: Any, wanted: int) -> None:
        if len(files) >= wanted:
            return
        if self._recorded.ended:
            raise MissingCollectionFiles
        raise wait_for(f"{len(files)} of {wanted} collections files are there")

    def refresh_data(self) -> None:
        """Read the index, once."""
        if not self.index_mode:
            return
        found, last = self.index_reader.load_tensor_data_from_index_files(self.last_index_token, self.range_steps)
        self._in_order = {}
        for name in list(found):  # tensor by tensor as in smdebug; each entry is released once it is taken over
            for step, by_worker in found.pop(name).items():
                for worker, entry in by_worker.items():
                    self._add_tensor(step, worker, entry.get("tensor_location"), entry.get("tensor_shape"))
        self._give_up_waiting()
        self.last_index_token = last or self.last_index_token

    def _give_up_waiting(self) -> None:
        """Count half a window of steps as complete when very many are incomplete."""
        window = self._incomplete_wait_for_step_window
        if len(self._global_to_mode) - (self.last_complete_step + 1) > window:
            self.last_complete_step += window // 2

    def maybe_refresh(self, name: str | None = None) -> None:
        if self.loaded_all_steps or not self.dynamic_refresh:
            return
        if name is None:
            self.refresh_data()
        else:
            self.refresh_tensor(name)
        if self._recorded.ended:
            self.loaded_all_steps = True
            self.last_complete_step = max(self._global_to_mode, default=self.last_complete_step)

    def refresh_tensor(self, tname: str, steps: Sequence[int] | None = None) -> None:
        del tname, steps  # as in smdebug, all tensors are read together
        self.refresh_data()

    def _add_tensor(self, step_num: int, worker: str, tensor_location: Any, tensor_shape: Any) -> None:
        at = tensor_shape if tensor_location is None else tensor_location
        name: str = tensor_shape.name if tensor_location is None else tensor_location.tensorname
        if REDUCTIONS_PREFIX in name:
            name, kind, absolute = reverse_reduction_tensor_name(name)
            tensor = self._made(name)
            tensor.add_reduction_step(at.mode, at.mode_step, worker, kind, absolute, tensor_location)
        else:
            self._made(name).add_step(at.mode, at.mode_step, worker, tensor_location, tensor_shape)
        self._note(name, step_num, worker, at.mode, at.mode_step)

    def _made(self, name: str) -> Tensor:
        if name not in self._tensors:
            self._tensors[name] = Tensor(name, trial=cast("Trial", self), cache=self.cache)
        return self._tensors[name]

    def _note(self, name: str, step: int, worker: str, mode: ModeKeys, mode_step: int) -> None:
        if mode != ModeKeys.GLOBAL:
            self._mode_to_global.setdefault(mode, {}).setdefault(mode_step, step)
            self.mode_to_tensors_map.setdefault(mode, set()).add(name)
        self._global_to_mode.setdefault(step, (mode, mode_step))
        self.global_step_to_tensors_map.setdefault(step, set()).add(name)
        workers = self.workers_for_global_step.setdefault(step, set())
        workers.add(worker)
        if len(workers) == self.num_workers and step > self.last_complete_step:
            self.last_complete_step = step


def _check_range(range_steps: Any) -> None:
    if range_steps is None:
        return
    begin, end = range_steps[0], range_steps[1]
    assert begin is None or (isinstance(begin, int) and begin >= 0)
    assert end is None or (isinstance(end, int) and end >= 0)
    assert begin is None or end is None or end > begin, (
        "range_steps should be of the form (begin, end) where begin is less than end"
    )
