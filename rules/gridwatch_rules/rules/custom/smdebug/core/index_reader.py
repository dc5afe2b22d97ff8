"""Reads a trial's index objects and the tensors that they point at, through Gridwatch's reader."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridwatch_rules.rules.custom.recorded import Recorded, current_access, wait_for
from gridwatch_rules.rules.custom.sightings import Lookups
from gridwatch_rules.rules.custom.smdebug.core.locations import IndexFileLocationUtils, TensorLocation, TensorShape
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.core.reductions import get_reduction_tensor_name
from gridwatch_rules.rules.custom.smdebug.core.utils import parse_worker_name_from_file, step_in_range
from gridwatch_rules.rules.custom.smdebug.exceptions import TensorUnavailableForStep
from gridwatch_rules.tensors.errors import MissingEventsError
from gridwatch_rules.tensors.index import WorkerStep
from gridwatch_rules.tensors.source import ByteRange

_Entry = dict[str, TensorLocation | TensorShape]


class _AsArray(type):
    """The metaclass of a class that passes for numpy's array, because rules ask `type(value) == np.ndarray` and print
    types.
    """

    def __eq__(cls, other: object) -> bool:
        return other is np.ndarray or cls is other

    def __hash__(cls) -> int:
        return hash(np.ndarray)


class OneNumber(np.ndarray[Any, Any], metaclass=_AsArray):
    """A scalar, which smdebug saves with the shape (1,). It allows rules to write `float(value)`, as numpy did until
    2.4. Otherwise it is like other arrays.
    """

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        if return_scalar and array.ndim == 0:
            return array[()]
        return array.view(OneNumber if array.size == 1 else np.ndarray)

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())


OneNumber.__module__, OneNumber.__name__, OneNumber.__qualname__ = "numpy", "ndarray", "ndarray"


class IndexReader:
    """Reads one trial's tensors: their places and their contents."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.logger = get_logger()
        self.lookups = Lookups()
        self._recorded: Recorded | None = None

    @property
    def recorded(self) -> Recorded:
        if self._recorded is None:
            self._recorded = current_access().trial(self.path)
        return self._recorded

    @recorded.setter
    def recorded(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def list_event_files(self, start_after_key: str | None = None) -> list[str]:
        """The addresses of the events files."""
        after = self._key(start_after_key) if start_after_key else ""
        return [os.path.join(self.path, key) for key in self.recorded.events_after(after)]

    def load_tensor_data_from_index_files(
        self, start_after_key: str | None = None, range_steps: tuple[Any, Any] | None = None
    ) -> tuple[dict[str, dict[int, dict[str, _Entry]]], str | None]:
        """A map from tensor to step to worker to place, and the name of the last index object. Called with the name of
        an object, it returns nothing, because the objects are read only once.
        """
        found: dict[str, dict[int, dict[str, _Entry]]] = {}
        last: str | None = None
        for saved in self.recorded.worker_steps() if start_after_key is None else ():
            worker = worker_name(saved.worker)
            last = IndexFileLocationUtils.get_index_key_for_step(self.path, saved.step, saved.worker)
            if range_steps is None or step_in_range(range_steps, saved.step):
                # As in smdebug, the last entry of a tensor counts, so a tensor with its shape in the index has no
                # values.
                for name, entry in self._entries(saved, worker):
                    found.setdefault(name, {}).setdefault(saved.step, {})[worker] = entry
        return found, last

    def fetch_tensor_value(self, tensor_location: TensorLocation) -> NDArray[Any]:
        """A copy of the tensor, into which rules may write. Raises TensorUnavailableForStep when its events file is
        missing.
        """
        at = tensor_location
        place = ByteRange(self._key(at.event_file_name), int(at.start_idx), int(at.length))
        try:
            found = self.recorded.value(place, at.tensorname).copy()
        except MissingEventsError:
            raise self._missing(at, place.key) from None
        self.lookups.read += 1
        return found.view(OneNumber) if found.size == 1 and found.ndim else found

    def _missing(self, at: TensorLocation, key: str) -> BaseException:
        """The exception for a missing events file. It is Waiting when the file may still be written: the job goes on
        and its worker has written nothing later.
        """
        worker = parse_worker_name_from_file(key)
        later = self.recorded.events_after(key)
        if self.recorded.ended or any(parse_worker_name_from_file(each) == worker for each in later):
            return TensorUnavailableForStep(tname=at.tensorname, mode=at.mode, step=at.mode_step)
        return wait_for(key)

    def _key(self, address: str) -> str:
        return address.removeprefix(self.path).lstrip("/")

    def _entries(self, saved: WorkerStep, worker: str) -> list[tuple[str, _Entry]]:
        mode, mode_step = ModeKeys(saved.mode), saved.mode_step
        places = dict(saved.tensors)
        for name, kinds in saved.reductions.items():
            for (kind, absolute), place in kinds.items():
                places[get_reduction_tensor_name(name, kind, absolute, remove_colon_index=False)] = place
        found: list[tuple[str, _Entry]] = []
        addresses = {key: os.path.join(self.path, key) for key in {place.key for place in places.values()}}
        # Entries keep the order of writing, reductions between tensors, because it gives the order of a trial's steps
        # and modes.
        for name, (key, start, length) in sorted(places.items(), key=lambda placed: placed[1].start):
            location = TensorLocation(name, mode, mode_step, addresses[key], start, length or 0, worker)
            found.append((name, {"tensor_location": location}))
        for name, shape in saved.shapes.items():
            described = TensorShape(name, mode, mode_step, shape.shape, shape.original_name)
            found.append((name, {"tensor_shape": described}))
        return found


class LocalIndexReader(IndexReader):
    """Reads the index of a trial in a folder."""


class S3IndexReader(IndexReader):
    """Reads the index of a trial below an S3 prefix."""


def worker_name(written: str) -> str:
    """The name of the worker, from the name in its index objects."""
    return parse_worker_name_from_file(f"index/0_{written}.json")
