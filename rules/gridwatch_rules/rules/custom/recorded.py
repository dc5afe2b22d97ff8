"""The data that the stand-in for smdebug reads: its access to tensor folders, and its reaction where smdebug would
wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from gridwatch_rules.rules.profiler.files import FRAMEWORK_PREFIX, SYSTEM_PREFIX
from gridwatch_rules.tensors.index import WorkerStep
from gridwatch_rules.tensors.layout import COLLECTIONS_PREFIX, END_MARKER
from gridwatch_rules.tensors.source import ByteRange, TensorSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.tensors.reader import TensorReader


class Waiting(BaseException):
    """Raised where smdebug would wait for data that a running job has yet to write. The rule is run again later."""


class Recorded(Protocol):
    """One job's tensors. `ended` means that no more will be written."""

    @property
    def ended(self) -> bool: ...

    def collection_files(self) -> Mapping[str, bytes]:
        """Key to content of the workers' collections files."""
        ...

    def worker_steps(self) -> Iterable[WorkerStep]:
        """The tensors that each worker saved at each step, in the order of the index objects. Raises
        CorruptTensorError.
        """
        ...

    def value(self, place: ByteRange, name: str) -> NDArray[Any]:
        """The tensor at a place. Raises MissingEventsError, CorruptTensorError."""
        ...

    def events_after(self, key: str) -> Sequence[str]:
        """The keys of the events files that sort after `key`."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedFolder:
    """Implements Recorded on a tensor folder."""

    reader: TensorReader
    ended: bool

    def collection_files(self) -> Mapping[str, bytes]:
        return self.reader.collection_files()

    def worker_steps(self) -> Iterable[WorkerStep]:
        return self.reader.worker_steps(ended=self.ended)

    def value(self, place: ByteRange, name: str) -> NDArray[Any]:
        return self.reader.value_at(place, name)

    def events_after(self, key: str) -> Sequence[str]:
        return self.reader.events_after(key)


def holds_profile(source: TensorSource) -> bool:
    """Whether a folder holds a job's profile and no tensors."""
    is_profile = any(source.keys(prefix, limit=1) for prefix in (SYSTEM_PREFIX, FRAMEWORK_PREFIX))
    return is_profile and not source.keys(COLLECTIONS_PREFIX, limit=1)


def has_ended(source: TensorSource) -> bool:
    """Whether an end marker exists. For tensors it lies at the root, for a profile below either of its folders."""
    return any(source.keys(f"{folder}{END_MARKER}", limit=1) for folder in ("", "system/", "framework/"))


@dataclass(frozen=True, slots=True)
class TensorAccess:
    """The access to tensors and files: the trial at a path, and the objects below a folder or s3:// address."""

    trial: Callable[[str], Recorded]
    folder: Callable[[str], TensorSource]
    awaited: list[str] = field(default_factory=list)  # kept because a rule may catch `Waiting`


def current_access() -> TensorAccess:
    """The access that is in force. Raises LookupError when none is set."""
    if not _reaches:
        raise LookupError("nobody has said how tensors are reached")
    return _reaches[-1]


_reaches: list[TensorAccess] = []  # a global, because smdebug's create_trial(path) takes no such argument


def wait_for(what: str) -> Waiting:
    """The exception to raise where smdebug would wait. It is also recorded, because a rule may have an `except:` for
    everything.
    """
    current_access().awaited.append(what)
    return Waiting(what)


def set_access(given: TensorAccess) -> None:
    """Set the access to tensors that is in force from now on."""
    _reaches.append(given)


def reset_access() -> None:
    """Undo the last `set_access`."""
    _reaches.pop()
