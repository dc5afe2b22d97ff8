"""Reads a job's tensors step by step. While the job runs it can be called again and again, and reads only new data."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from gridwatch_rules.tensors import layout
from gridwatch_rules.tensors.cache import BoundedCache
from gridwatch_rules.tensors.collections import Collections, parse_collections
from gridwatch_rules.tensors.errors import CorruptTensorError, MissingEventsError, TensorUnavailableError
from gridwatch_rules.tensors.flushes import HeadedSource, flushed_steps, follows
from gridwatch_rules.tensors.index import WorkerStep, parse_index
from gridwatch_rules.tensors.ranges import read_ranges
from gridwatch_rules.tensors.source import ByteRange, TensorSource
from gridwatch_rules.tensors.steps import Gathering, SavedStep
from gridwatch_rules.tensors.wall_time import WALL_TIME_END, wall_time
from gridwatch_rules.tensors.wire import WireError, unsound

# numpy is slow to import, and many calls of the functions read no tensor: it comes with the first one.
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridwatch_rules.tensors.decoding import TensorDecoder

_PAGE = 1000  # keys listed at once, as many as S3 returns
_BATCH = 256  # index objects read at once
_FLUSHES_AT_ONCE = 32  # flush objects read at once, each with some hundreds of kilobytes of its beginning
_WEIGHT = 256 * 1024  # tensors of steps that wait until earlier steps are known; each object counts as one more
_HISTORY = 20_000  # places of tensors of former steps that are cached; each step counts as ten more
_VALUES = 8 * 1024 * 1024  # bytes of decoded tensors that are cached
_ARRAY_OVERHEAD = 512
_PAGES_OF_RECALL = 8  # of 32 objects of each worker: of one that has died there is nothing to wait for
_STEPS_BEHIND = 20  # when this many steps exist, a collections file that ends early is no longer being written


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position of a reader: every step up to `step` was given out. It is small, and `save` and `restore` convert it
    to JSON.
    """

    step: int = -1
    collections: tuple[str, ...] = ()  # keys of the collections files, so that they need not be listed again
    flushed: bool | None = None  # whether flush objects list the steps; None: not known yet

    def save(self) -> dict[str, Any]:
        kept = {"step": self.step, "collections": list(self.collections)}
        return kept | ({"flushed": True} if self.flushed else {})

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> Cursor:
        step = int(saved["step"])
        if not -1 <= step < layout.MOST_STEPS:
            raise ValueError(f"no job has saved a step {step}")
        # Before the first step this is not known.
        return cls(step, tuple(saved["collections"]), bool(saved.get("flushed")) or (None if step < 0 else False))


class _Read(NamedTuple):
    """A tensor that was read, with the beginning of its record, which holds the time when it was written."""

    value: NDArray[Any]
    beginning: bytes


class TensorReader:
    """Reads one job's tensors. It holds no position: `new_steps` gives the steps after a cursor.

    With `passes_over` a damaged index object costs only its own steps: it is recorded in `damage`, and later steps are
    read.
    """

    def __init__(
        self,
        source: TensorSource,
        open_other: Callable[[str], TensorSource] | None = None,
        *,
        arrived: Sequence[str] | None = None,
        passes_over: bool = False,
    ) -> None:
        """Create a reader. `arrived` lists the objects announced by events; None means that others may exist. The steps
        of such flush objects are used when they follow the cursor without a gap; otherwise the folder is listed.
        """
        self.damage: dict[str, CorruptTensorError] = {}  # by key of the object
        self._passes_over = passes_over
        self._arrived = arrived
        self._source = HeadedSource(source)
        self._flushed: bool | None = None
        self._open_other = open_other
        self._others: dict[str, TensorReader] = {}
        self._collections: Collections | None = None
        self._collection_keys: tuple[str, ...] = ()
        self._history: BoundedCache[int, SavedStep] = BoundedCache(_HISTORY)
        self._values: BoundedCache[ByteRange, _Read] = BoundedCache(_VALUES)
        self._fetched: dict[ByteRange, memoryview] = {}
        self._unsound: frozenset[ByteRange] = frozenset()  # places whose fetched bytes do not match their checksum

    @cached_property
    def _decoder(self) -> TensorDecoder:
        from gridwatch_rules.tensors.decoding import TensorDecoder  # noqa: PLC0415  as above

        return TensorDecoder()

    def has_ended(self) -> bool:
        """Whether the end marker exists. SageMaker writes it; elsewhere the hook or the runner does."""
        return layout.END_MARKER in self._source.keys(layout.END_MARKER, limit=1)

    def is_empty(self) -> bool:
        """Whether no step was saved."""
        return not self._source.keys(self._prefix(), limit=1)

    def saved_after(self, step: int) -> int:
        """The number of later steps with index objects, complete or not, on the next page of the listing."""
        prefix = self._prefix()
        keys = self._source.keys(prefix, layout.key_after(prefix, step), limit=_PAGE)
        return len({parsed[0] for key in keys if (parsed := layout.parse_step_key(key))})

    def new_steps(self, cursor: Cursor, *, ended: bool = False) -> Iterator[SavedStep]:
        """The steps after the cursor that are final, in increasing order, each once.

        A step is final when every worker has reached it, or the job has `ended`. An index object that ends early counts
        as not written yet, and the steps stop before it. A damaged index object (or, when the job is over, one that
        ends early) raises CorruptTensorError after the steps before it, unless the reader passes over it.
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
        announced = None if ended or collections.workers > 1 else self._announced(cursor)
        try:
            weight = _WEIGHT
            for worker_steps in self._index_objects(cursor.step, ended=ended, announced=announced):
                if weight >= _WEIGHT:
                    # Steps are given out one batch late, so that an object written late, with steps before its
                    # neighbours', is still in time.
                    yield from self._remembered(gathering.take(settled))
                    settled, weight = gathering.settled(), 0
                gathering.add(worker_steps)
                weight += _WEIGHT // _BATCH + sum(len(each.names) for each in worker_steps)
        except CorruptTensorError:
            yield from self._remembered(gathering.take(gathering.settled()))
            raise
        yield from self._remembered(gathering.take(None if ended else gathering.settled()))

    def worker_steps(self, *, ended: bool = False) -> Iterator[WorkerStep]:
        """Yield what each worker saved at each step, final or not, in the order of the index objects. A step may come
        twice.

        Raises CorruptTensorError as `new_steps` does.
        """
        for steps in self._index_objects(-1, ended=ended):
            yield from steps

    def collection_files(self) -> dict[str, bytes]:
        """The workers' collections files, as a map from key to content."""
        keys = list(filter(layout.is_collections_key, self._source.keys(layout.COLLECTIONS_PREFIX)))
        contents = self._source.read([ByteRange(key) for key in keys])
        return {key: content for key, content in zip(keys, contents, strict=True) if content is not None}

    def events_after(self, key: str) -> Sequence[str]:
        """The keys of the events files that sort after `key`."""
        return self._source.keys("events/", key)

    def cursor_at(self, step: int) -> Cursor:
        """The cursor for a reader that has dealt with `step`."""
        return Cursor(step, self._collection_keys, bool(self._flushed) if step >= 0 else None)

    def collections(self) -> Collections:
        """The job's collections as read by the last `new_steps`; empty until some are written."""
        return self._collections or self.read_collections() or Collections(missing=True)

    def read_collections(self, known: Sequence[str] = (), *, ended: bool = False) -> Collections | None:
        """Read the collections again, because hooks rewrite them when new tensors appear. Returns None while there are
        none.
        """
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
        """The tensors saved at a former step, from the cache or read again; None when nothing was saved at it."""
        found = self._history.get(step)
        if found is None:
            self._recall(step)
            found = self._history.get(step)
        return found

    def prefetch(self, places: Iterable[ByteRange]) -> frozenset[ByteRange]:
        """Read the bytes of these places in few requests, so that `value` finds them. Those of the last call are
        dropped.

        Returns the places whose bytes are not (completely) written yet.
        """
        wanted = {place for place in places if self._values.get(place) is None}
        self._fetched = read_ranges(self._source, wanted)
        self._unsound = unsound(self._fetched)
        return frozenset(wanted - self._fetched.keys())

    def value_at(self, place: ByteRange, name: str) -> NDArray[Any]:
        """The tensor at a place. Raises CorruptTensorError when it is missing, is damaged, or is another tensor."""
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
        """The time when a step's tensor was written, by its container's clock; None when it is not known."""
        place = saved.place(name)
        if place is None:
            return None
        known = self._values.get(place)
        if known is not None:
            return wall_time(known.beginning)
        record = self._fetched.get(place) or read_ranges(self._source, [place]).get(place)
        return None if record is None else wall_time(record)

    def value(self, saved: SavedStep, name: str, worker: str | None = None) -> NDArray[Any]:
        """The tensor saved at a step by `worker` (by default the first). Raises TensorUnavailableError if it was not
        saved.
        """
        place = saved.place(name, worker)
        if place is None:
            raise TensorUnavailableError(name, saved.step)
        return self.value_at(place, name)

    def reduction(
        self, saved: SavedStep, name: str, kind: str, *, absolute: bool = False, worker: str | None = None
    ) -> float:
        """A reduction (mean, min, max, std, variance, sum, prod, l1, l2), saved or computed from the tensor."""
        place = saved.reductions(name, worker).get((kind, absolute))
        if place is None:
            from gridwatch_rules.tensors.reductions import reduce_tensor  # noqa: PLC0415  as above

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
        """The prefix below which steps are listed: that of flush objects where there are any."""
        if self._flushed is None and self._source.keys(layout.FLUSH_PREFIX, limit=1):
            self._flushed = True
        return layout.FLUSH_PREFIX if self._flushed else layout.INDEX_PREFIX

    def _announced(self, cursor: Cursor) -> list[str] | None:
        """The flush objects after the cursor that events announced, if none is missing: each must follow the one
        before, and the first must follow the cursor. None when the folder must be listed.
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
                return None  # the folder is then listed, and its reading reports the damage
            if said is None or said > reached or found is None or (said == -1 and reached >= 0):
                return None
            reached = found[0]
        self._flushed = True
        return fresh

    def _index_objects(
        self, after: int, *, ended: bool, announced: Sequence[str] | None = None
    ) -> Iterator[list[WorkerStep]]:
        """Yield the content of each index or flush object after a step, up to the first that ends early. The objects
        are the `announced` ones, or else those listed.
        """
        if announced is not None:
            named = [(key, *parsed) for key in announced if (parsed := layout.parse_step_key(key)) is not None]
            for steps in self._read_index(named, ended=ended):
                if steps is None:
                    return
                yield steps
            return
        prefix = self._prefix()
        last = layout.key_after(prefix, after) if after >= 0 else ""
        while True:  # page by page, so that a long job's keys need not all be in memory
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
        """Yield the parsed content of each of these objects, or None for one that may not be completely written yet."""
        parse = flushed_steps if self._flushed else parse_index
        last = {worker: key for key, _, worker in named}
        for (key, step, worker), content in self._contents(named):
            try:
                steps = parse(key, step, worker, content or b"")
                # A worker writes its objects in order: one that ends early before a later one will not be completed.
                if steps is None and (ended or (self._passes_over and last[worker] != key)):
                    raise CorruptTensorError(key, "it ends early, and nothing more comes of it")
            except CorruptTensorError as error:
                if not self._passes_over:
                    raise
                self.damage.setdefault(key, error)
                continue
            yield steps

    def _contents(self, named: Sequence[tuple[str, int, str]]) -> Iterator[tuple[tuple[str, int, str], bytes | None]]:
        """Yield the objects' bytes, in as many requests as the limit on one request needs."""
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
            self._history.put(each.step, each, _weight(each))
            yield each

    def _recall(self, step: int) -> None:
        """Read the index around a former step again. Each worker's object at or after the step describes it, so no more
        objects are read than the step needs, and no more steps are remembered than leave room for others.
        """
        workers = self.collections().workers
        # A single worker's object holds its steps whole; of several, the steps before this one may lack a worker.
        gathering = Gathering(-1 if workers == 1 else step - 1, workers)
        prefix = self._prefix()
        last = layout.key_before(prefix, step)
        for _ in range(_PAGES_OF_RECALL):  # a worker may write an object where others write a hundred
            keys = self._source.keys(prefix, last, limit=32 * workers)
            self._gather(keys, gathering, step, at_once=workers if self._flushed else len(keys))
            if gathering.settled() >= step or len(keys) < 32 * workers:
                break
            last = keys[-1]
        self._remember_around(step, list(gathering.take(max(gathering.settled(), step))))

    def _gather(self, keys: Sequence[str], gathering: Gathering, step: int, *, at_once: int) -> None:
        """Read the objects under these keys, so many together, until every worker has reached the step."""
        named = [(key, *parsed) for key in keys if (parsed := layout.parse_step_key(key)) is not None]
        for start in range(0, len(named), max(at_once, 1)):
            for steps in self._read_index(named[start : start + at_once], ended=False):
                gathering.add(steps or [])
            if gathering.settled() >= step:
                return

    def _remember_around(self, step: int, found: Sequence[SavedStep]) -> None:
        """Remember the steps nearest to `step`, itself last, so that neither it nor what rules compare it with is
        forgotten.
        """
        nearest = sorted(found, key=lambda each: abs(each.step - step))
        weights = itertools.accumulate(_weight(each) for each in nearest)
        fitting = sum(weight <= _HISTORY // 4 for weight in weights)
        for each in reversed(nearest[: max(fitting, 1)]):
            self._history.put(each.step, each, _weight(each))


def _weight(step: SavedStep) -> int:
    return 10 + len(step.names)
