"""Reads a job's tensors step by step, again and again while the job runs, only what is new and what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from numpy.typing import NDArray

from gridwatch_rules.tensors import layout
from gridwatch_rules.tensors.cache import Bounded
from gridwatch_rules.tensors.collections import Collections, parse_collections
from gridwatch_rules.tensors.errors import CorruptTensorError, MissingEventsError, TensorUnavailableError
from gridwatch_rules.tensors.flushes import HeadedSource, flushed_steps, follows
from gridwatch_rules.tensors.index import WorkerStep, parse_index
from gridwatch_rules.tensors.ranges import read_ranges
from gridwatch_rules.tensors.reductions import reduce_tensor
from gridwatch_rules.tensors.source import ByteRange, TensorSource
from gridwatch_rules.tensors.steps import Gathering, SavedStep
from gridwatch_rules.tensors.wall_time import WALL_TIME_END, wall_time
from gridwatch_rules.tensors.wire import TensorDecoder, WireError, unsound

_PAGE = 1000  # keys listed at once, as many as S3 gives
_BATCH = 256  # index objects read at once
_FLUSHES_AT_ONCE = 32  # each with some hundreds of kilobytes of its beginning
_WEIGHT = 256 * 1024  # tensors of steps that are held back until those before them are known; an object counts too
_HISTORY = 20_000  # tensor places remembered of former steps, each step counting as ten more
_VALUES = 8 * 1024 * 1024  # bytes of decoded tensors remembered
_ARRAY_OVERHEAD = 512
_STEPS_BEHIND = 20  # a collections file that ends early when so many steps are there is not being written any more


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader has come: every step up to `step` was given out. Small, and JSON through `save` and
    `restore`.
    """

    step: int = -1
    collections: tuple[str, ...] = ()  # keys of the collections files, so that they need not be listed again
    flushed: bool | None = None  # whether flush objects list the steps; None: nobody has looked

    def save(self) -> dict[str, Any]:
        kept = {"step": self.step, "collections": list(self.collections)}
        return kept | ({"flushed": True} if self.flushed else {})

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> Cursor:
        step = int(saved["step"])
        if not -1 <= step < layout.MOST_STEPS:
            raise ValueError(f"no job has saved a step {step}")
        # Before the first step nobody knows.
        return cls(step, tuple(saved["collections"]), bool(saved.get("flushed")) or (None if step < 0 else False))


class _Read(NamedTuple):
    """A tensor that was read, and the beginning of its record, which says when it was written."""

    value: NDArray[Any]
    beginning: bytes


class TensorReader:
    """One job's tensors. Holds no position: `new_steps` says what came after a cursor.

    With `passes_over` a damaged index object costs its own steps and no others: `damage` has it, and what lies behind
    it is read.
    """

    def __init__(
        self,
        source: TensorSource,
        open_other: Callable[[str], TensorSource] | None = None,
        *,
        arrived: Sequence[str] | None = None,
        passes_over: bool = False,
    ) -> None:
        """`arrived`: the objects that events have told of; None: others may have come. What flush objects tell is taken
        where nothing lies between it and the cursor; else the folder is listed.
        """
        self.damage: dict[str, CorruptTensorError] = {}  # by key
        self._passes_over = passes_over
        self._arrived = arrived
        self._source = HeadedSource(source)
        self._flushed: bool | None = None
        self._open_other = open_other
        self._others: dict[str, TensorReader] = {}
        self._collections: Collections | None = None
        self._collection_keys: tuple[str, ...] = ()
        self._history: Bounded[int, SavedStep] = Bounded(_HISTORY)
        self._values: Bounded[ByteRange, _Read] = Bounded(_VALUES)
        self._fetched: dict[ByteRange, memoryview] = {}
        self._unsound: frozenset[ByteRange] = frozenset()  # of what was fetched, by its checksum
        self._decoder = TensorDecoder()

    def has_ended(self) -> bool:
        """Whether the end marker is there. SageMaker writes it; elsewhere the hook or the runner does."""
        return layout.END_MARKER in self._source.keys(layout.END_MARKER, limit=1)

    def is_empty(self) -> bool:
        """Whether no step was saved."""
        return not self._source.keys(self._prefix(), limit=1)

    def saved_after(self, step: int) -> int:
        """How many steps have index objects after this one, whole or not, of those on the next page."""
        prefix = self._prefix()
        keys = self._source.keys(prefix, layout.key_after(prefix, step), limit=_PAGE)
        return len({parsed[0] for key in keys if (parsed := layout.parse_step_key(key))})

    def new_steps(self, cursor: Cursor, *, ended: bool = False) -> Iterator[SavedStep]:
        """The steps after the cursor that are final, in increasing order, each once.

        A step is final when every worker has reached it, or the job has `ended`. An index object that ends early is
        "not yet": nothing from it on is given. Raises CorruptTensorError at a damaged one (and at one that ends early
        when the job is over) after the steps before it were given, unless the reader passes over it.
        """
        if self._arrived is not None and not self._arrived and not ended:
            return
        collections = self.read_collections(cursor.collections, ended=ended)
        if collections is None:
            return
        if self._flushed is None:
            self._flushed = cursor.flushed
        gathering = Gathering(cursor.step, collections.workers)
        settled = -1
        told = None if ended or collections.workers > 1 else self._told(cursor)
        try:
            weight = _WEIGHT
            for worker_steps in self._index_objects(cursor.step, ended=ended, told=told):
                if weight >= _WEIGHT:
                    # One batch behind: an object filled in late, whose steps lie before its neighbours', is still in
                    # time.
                    yield from self._remembered(gathering.take(settled))
                    settled, weight = gathering.settled(), 0
                gathering.add(worker_steps)
                weight += _WEIGHT // _BATCH + sum(len(each.names) for each in worker_steps)
        except CorruptTensorError:
            yield from self._remembered(gathering.take(gathering.settled()))
            raise
        yield from self._remembered(gathering.take(None if ended else gathering.settled()))

    def worker_steps(self, *, ended: bool = False) -> Iterator[WorkerStep]:
        """What each worker saved at each step, in the order of the index objects, final or not; a step may come twice.

        Raises CorruptTensorError as `new_steps` does.
        """
        for steps in self._index_objects(-1, ended=ended):
            yield from steps

    def collection_files(self) -> dict[str, bytes]:
        """Key to content of the workers' collections files."""
        keys = list(filter(layout.is_collections_key, self._source.keys(layout.COLLECTIONS_PREFIX)))
        contents = self._source.read([ByteRange(key) for key in keys])
        return {key: content for key, content in zip(keys, contents, strict=True) if content is not None}

    def events_after(self, key: str) -> Sequence[str]:
        """The keys of the events files that sort after `key`."""
        return self._source.keys("events/", key)

    def cursor_at(self, step: int) -> Cursor:
        """The cursor after `step` was dealt with."""
        return Cursor(step, self._collection_keys, bool(self._flushed) if step >= 0 else None)

    def collections(self) -> Collections:
        """The job's collections as read by the last `new_steps`; empty before any were written."""
        return self._collections or self.read_collections() or Collections(missing=True)

    def read_collections(self, known: Sequence[str] = (), *, ended: bool = False) -> Collections | None:
        """Reads the collections again (hooks rewrite them when new tensors appear); None while there are none yet."""
        keys = tuple(known) or tuple(filter(layout.is_collections_key, self._source.keys(layout.COLLECTIONS_PREFIX)))
        contents = self._source.read([ByteRange(key) for key in keys])
        files = [(key, content) for key, content in zip(keys, contents, strict=True) if content is not None]
        if not files:
            return Collections(missing=True) if ended else None
        found = parse_collections(files)
        if found is None and ended:
            raise CorruptTensorError(files[0][0], "a collections file ends early, and the job is over")
        if found is None and self.saved_after(-1) > _STEPS_BEHIND:
            raise CorruptTensorError(files[0][0], f"it ends early, and {_STEPS_BEHIND} steps came after it")
        if found is None:
            return None
        self._collections = found
        self._collection_keys = keys if len(keys) >= self._collections.workers else ()
        return self._collections

    def step(self, step: int) -> SavedStep | None:
        """What was saved at a former step, from memory or read again; None when nothing was saved at it."""
        found = self._history.get(step)
        if found is None:
            self._recall(step)
            found = self._history.get(step)
        return found

    def prefetch(self, places: Iterable[ByteRange]) -> frozenset[ByteRange]:
        """Reads the bytes of these places in few requests, for `value` to find, and forgets those of the call before.

        Returns the places whose bytes are not (wholly) there yet.
        """
        wanted = {place for place in places if self._values.get(place) is None}
        self._fetched = read_ranges(self._source, wanted)
        self._unsound = unsound(self._fetched)
        return frozenset(wanted - self._fetched.keys())

    def value_at(self, place: ByteRange, name: str) -> NDArray[Any]:
        """The tensor at a place. Raises CorruptTensorError when it is not there, is damaged, or is another tensor."""
        known = self._values.get(place)
        if known is not None:
            return known.value
        record = self._fetched.pop(place, None)
        verified = record is not None and place not in self._unsound
        record = record or read_ranges(self._source, [place]).get(place)
        if record is None:
            raise self._absent(place)
        try:
            stored = self._decoder.read(record, name, verified=verified)
        except WireError as error:
            raise CorruptTensorError(place.key, f"at byte {place.start}: {error}") from error
        if stored.name != name:
            raise CorruptTensorError(place.key, f"at byte {place.start}: {stored.name!r} where the index says {name!r}")
        read = _Read(stored.value, bytes(record[:WALL_TIME_END]))
        self._values.put(place, read, stored.value.nbytes + _ARRAY_OVERHEAD)
        return stored.value

    def _absent(self, place: ByteRange) -> CorruptTensorError:
        if self._source.read([place])[0] is None:
            return MissingEventsError(place.key)
        return CorruptTensorError(place.key, f"it ends before byte {place.start + (place.length or 0)}")

    def logged_at(self, saved: SavedStep, name: str) -> datetime | None:
        """When the tensor of a step was written, by its container's clock; None when nobody knows."""
        place = saved.place(name)
        if place is None:
            return None
        known = self._values.get(place)
        if known is not None:
            return wall_time(known.beginning)
        record = self._fetched.get(place) or read_ranges(self._source, [place]).get(place)
        return None if record is None else wall_time(record)

    def value(self, saved: SavedStep, name: str, worker: str | None = None) -> NDArray[Any]:
        """The tensor saved at a step by `worker` (by default the first). Raises TensorUnavailableError if it was
        not.
        """
        place = saved.place(name, worker)
        if place is None:
            raise TensorUnavailableError(name, saved.step)
        return self.value_at(place, name)

    def reduction(
        self, saved: SavedStep, name: str, kind: str, *, absolute: bool = False, worker: str | None = None
    ) -> float:
        """A reduction (mean, min, max, std, variance, sum, prod, l1, l2): the one saved, or computed from the
        tensor.
        """
        place = saved.reductions(name, worker).get((kind, absolute))
        if place is None:
            return reduce_tensor(self.value(saved, name, worker), kind, absolute=absolute)
        stored_name = f"smdebug/reductions/{'abs_' if absolute else ''}{kind}/{name}"
        return float(self.value_at(place, stored_name).reshape(-1)[0])

    def other(self, location: str) -> TensorReader:
        """The reader of another job's tensors. Raises LookupError when this reader cannot open other jobs."""
        if self._open_other is None:
            raise LookupError(f"{location}: tensors of other jobs cannot be read here")
        if location not in self._others:
            self._others[location] = TensorReader(self._open_other(location), self._open_other)
        return self._others[location]

    def _prefix(self) -> str:
        """Below which the folder's steps are listed: by flush objects where there are any."""
        if self._flushed is None and self._source.keys(layout.FLUSH_PREFIX, limit=1):
            self._flushed = True
        return layout.FLUSH_PREFIX if self._flushed else layout.INDEX_PREFIX

    def _told(self, cursor: Cursor) -> list[str] | None:
        """The flush objects after the cursor that events told of, when they are all: each follows the one before, and
        the first what the cursor has. None when the folder must be listed.
        """
        if self._arrived is None or cursor.flushed is False:
            return None
        parsed = {key: layout.parse_step_key(key) for key in self._arrived if key.startswith(layout.FLUSH_PREFIX)}
        fresh = sorted(key for key, found in parsed.items() if found is not None and found[0] > cursor.step)
        if len(parsed) < len(self._arrived) or None in parsed.values():
            return None
        reached = cursor.step
        for key, head in self._source.heads(fresh).items():
            try:
                said, found = follows(key, head), parsed[key]
            except CorruptTensorError:
                if not self._passes_over:
                    raise
                return None  # the folder is listed, and the damage is met there
            if said is None or said > reached or found is None or (said == -1 and reached >= 0):
                return None
            reached = found[0]
        self._flushed = True
        return fresh

    def _index_objects(
        self, after: int, *, ended: bool, told: Sequence[str] | None = None
    ) -> Iterator[list[WorkerStep]]:
        """What each index or flush object after a step says, up to the first that ends early; of those that events have
        `told` of, or else that are listed.
        """
        if told is not None:
            named = [(key, *parsed) for key in told if (parsed := layout.parse_step_key(key)) is not None]
            for steps in self._read_index(named, ended=ended):
                if steps is None:
                    return
                yield steps
            return
        prefix = self._prefix()
        last = layout.key_after(prefix, after) if after >= 0 else ""
        while True:  # page by page: a long job's keys need not all be in memory
            keys = self._source.keys(prefix, last, limit=_PAGE)
            named = [(key, *parsed) for key in keys if (parsed := layout.parse_step_key(key)) is not None]
            batch = _FLUSHES_AT_ONCE if self._flushed else _BATCH
            for start in range(0, len(named), batch):
                for steps in self._read_index(named[start : start + batch], ended=ended):
                    if steps is None:
                        return
                    yield steps
            if len(keys) < _PAGE:
                return
            last = keys[-1]

    def _read_index(self, named: Sequence[tuple[str, int, str]], *, ended: bool) -> Iterator[list[WorkerStep] | None]:
        """What each of these objects says, None for one that may still be on its way."""
        parse = flushed_steps if self._flushed else parse_index
        last = {worker: key for key, _, worker in named}
        for (key, step, worker), content in self._contents(named):
            try:
                steps = parse(key, step, worker, content or b"")
                # A worker writes one after the other: what ends early before a later one stays as it is.
                if steps is None and (ended or (self._passes_over and last[worker] != key)):
                    raise CorruptTensorError(key, "it ends early, and nothing more comes of it")
            except CorruptTensorError as error:
                if not self._passes_over:
                    raise
                self.damage.setdefault(key, error)
                continue
            yield steps

    def _contents(self, named: Sequence[tuple[str, int, str]]) -> Iterator[tuple[tuple[str, int, str], bytes | None]]:
        """The objects' bytes, in as many requests as it takes for what a call may read at once to hold them."""
        try:
            keys = [key for key, _, _ in named]
            contents = list(
                self._source.heads(keys).values()
                if self._flushed
                else self._source.read([ByteRange(key) for key in keys])
            )
        except CorruptTensorError as error:
            if len(named) > 1:
                half = len(named) // 2
                yield from self._contents(named[:half])
                yield from self._contents(named[half:])
                return
            if not self._passes_over:
                raise
            self.damage.setdefault(error.key, error)
            return
        yield from zip(named, contents, strict=True)

    def _remembered(self, steps: Iterable[SavedStep]) -> Iterator[SavedStep]:
        for each in steps:
            self._history.put(each.step, each, 10 + len(each.names))
            yield each

    def _recall(self, step: int) -> None:
        """Reads the index around a former step again: the object of each worker at or after it describes it."""
        workers = self.collections().workers
        prefix = self._prefix()
        keys = self._source.keys(prefix, layout.key_before(prefix, step), limit=32 * workers)
        gathering = Gathering(step - 1, workers)
        named = [(key, *parsed) for key in keys if (parsed := layout.parse_step_key(key)) is not None]
        for steps in self._read_index(named, ended=False):
            gathering.add(steps or [])
        for _ in self._remembered(gathering.take(max(gathering.settled(), step))):
            pass
