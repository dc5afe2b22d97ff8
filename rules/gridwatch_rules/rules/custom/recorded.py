"""What the stand-in for smdebug reads: how it reaches tensor folders, and what it does where smdebug would wait."""

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
    """smdebug would wait here for what a running job has yet to write; whoever runs the rule asks again later."""


class Recorded(Protocol):
    """One job's tensors. `ended`: no more will come."""

    @property
    def ended(self) -> bool: ...

    def collection_files(self) -> Mapping[str, bytes]:
        """Key to content of the workers' collections files."""
        ...

    def worker_steps(self) -> Iterable[WorkerStep]:
        """What each worker saved at each step, in the order of the index objects. Raises CorruptTensorError."""
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
    """Whether an end marker is there: of tensors it lies at the root, of a profile below either of its folders."""
    return any(source.keys(f"{folder}{END_MARKER}", limit=1) for folder in ("", "system/", "framework/"))


@dataclass(frozen=True, slots=True)
class Reach:
    """How tensors and files are reached: the trial at a path, and the objects below a folder or s3:// address."""

    trial: Callable[[str], Recorded]
    folder: Callable[[str], TensorSource]
    awaited: list[str] = field(default_factory=list)  # what the rule would have waited for; it may hide that it did


def reach() -> Reach:
    """How the code that runs reaches tensors. Raises LookupError where nobody has said."""
    if not _reaches:
        raise LookupError("nobody has said how tensors are reached")
    return _reaches[-1]


_reaches: list[Reach] = []  # smdebug's create_trial(path) has no other way to learn of it


def wait_for(what: str) -> Waiting:
    """To be raised where smdebug would wait. It is noted, for a rule may have an `except:` for everything."""
    reach().awaited.append(what)
    return Waiting(what)


def use(given: Reach) -> None:
    """From now on, tensors are reached so."""
    _reaches.append(given)


def forget() -> None:
    """Undoes the last `use`."""
    _reaches.pop()
