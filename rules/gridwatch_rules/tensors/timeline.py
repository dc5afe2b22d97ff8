"""Finds which steps a job has saved, and when. It reads enough of a tensor folder to tell the pace, in a bounded number
of requests.

A long training has hundreds of thousands of index objects. Only the first, the last and some in between are read. The
last one is found by bisection, since the keys are in the order of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gridwatch_rules.tensors import layout
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.flushes import HeadedSource, flushed_steps
from gridwatch_rules.tensors.index import WorkerStep, parse_index
from gridwatch_rules.tensors.ranges import read_ranges
from gridwatch_rules.tensors.source import ByteRange, TensorSource
from gridwatch_rules.tensors.wall_time import wall_time

T = TypeVar("T")
Parse = Callable[[str, int, str, bytes], list[WorkerStep] | None]

_PAGE = 1000  # keys of one LIST
_EDGE = 64  # index objects read at either end
_BETWEEN = 12  # index objects read in the middle
_FARTHEST = 2**53
_TIMED = 512  # steps whose time is read
_HEAD = 32  # bytes at the head of a record, which hold its time


@dataclass(slots=True)
class WorkerTimeline:
    """The sampled steps of one worker. `together` means that one object described several steps; Gridwatch's hook
    writes such objects, and gives each step an object of its own when it closes.
    """

    by_step: dict[int, WorkerStep] = field(default_factory=dict)
    together: bool = False

    @property
    def steps(self) -> Sequence[WorkerStep]:
        return [self.by_step[step] for step in sorted(self.by_step)]


def saved_steps(source: TensorSource) -> Mapping[str, WorkerTimeline]:
    """Sample the steps of each worker, increasing: those at both ends without a gap, and some in between.

    Damaged and unfinished objects are ignored here; the evaluation of the job reports them.
    """
    found: dict[str, WorkerTimeline] = {}
    read, parse, prefix = _format(source)
    keys = _keys(_Listing(source, prefix))
    named = [(key, *parsed) for key in keys if (parsed := layout.parse_step_key(key)) is not None]
    contents = read([key for key, _, _ in named])
    for (key, step, worker), content in zip(named, contents, strict=True):
        steps = _parsed(key, step, worker, content, parse)
        timeline = found.setdefault(worker, WorkerTimeline())
        timeline.by_step |= {each.step: each for each in steps}
        timeline.together |= len(steps) > 1
    return {worker: timeline for worker, timeline in sorted(found.items()) if timeline.by_step}


def _format(source: TensorSource) -> tuple[Callable[[Sequence[str]], Iterable[bytes | None]], Parse, str]:
    """The functions that read and parse objects that describe steps in this folder, and the prefix of their keys."""
    if not source.keys(layout.FLUSH_PREFIX, limit=1):
        return lambda keys: source.read([ByteRange(key) for key in keys]), parse_index, layout.INDEX_PREFIX
    return lambda keys: HeadedSource(source).heads(keys).values(), flushed_steps, layout.FLUSH_PREFIX


def times(source: TensorSource, steps: Sequence[WorkerStep]) -> Mapping[int, float]:
    """The time when each step was saved, in Unix seconds by its container's clock. When there are many steps, evenly
    spread ones are read.
    """
    places = {step.step: place for step in _spread(steps, _TIMED) if (place := _first_place(step)) is not None}
    try:
        records = read_ranges(source, places.values())
    except CorruptTensorError:
        return {}
    known = {step: wall_time(records[place]) for step, place in places.items() if place in records}
    return {step: at.timestamp() for step, at in known.items() if at is not None}


def _parsed(key: str, step: int, worker: str, content: bytes | None, parse: Parse) -> Sequence[WorkerStep]:
    try:
        return parse(key, step, worker, content or b"") or ()
    except (CorruptTensorError, OverflowError):
        return ()


def _first_place(step: WorkerStep) -> ByteRange | None:
    """The place of the head of any record of the step, since all its records have the same time."""
    places = [*step.tensors.values(), *(place for kinds in step.reductions.values() for place in kinds.values())]
    if not places:
        return None
    place = min(places)
    return ByteRange(place.key, place.start, min(place.length or _HEAD, _HEAD))


@dataclass(frozen=True, slots=True)
class _Listing:
    """The objects below one prefix that describe steps, in the order of the steps."""

    source: TensorSource
    prefix: str

    def first(self, limit: int) -> list[str]:
        return list(self.source.keys(self.prefix, limit=limit))

    def at(self, step: int, limit: int) -> list[str]:
        """The keys from the first object that describes this step or a later one."""
        return list(self.source.keys(self.prefix, layout.key_before(self.prefix, step), limit))

    def next(self, step: int) -> int | None:
        """The first step after this one that has an object."""
        keys = self.source.keys(self.prefix, layout.key_after(self.prefix, step), 1)
        return _step_of(keys[0]) if keys else None

    def all_from(self, step: int) -> list[str]:
        keys = page = self.at(step, _PAGE)
        while len(page) == _PAGE:
            page = list(self.source.keys(self.prefix, page[-1], _PAGE))
            keys = [*keys, *page]
        return keys


def _keys(listing: _Listing) -> Sequence[str]:
    first = listing.first(_PAGE)
    if len(first) < _PAGE:
        return _edges(first)
    begin, newest = _step_of(first[0]), _newest(listing, _step_of(first[-1]))
    between = [begin + (newest - begin) * part // (_BETWEEN + 1) for part in range(1, _BETWEEN + 1)]
    middle = [key for step in between for key in listing.at(step, 1)]
    return list(dict.fromkeys([*first[:_EDGE], *middle, *_last(listing, begin, newest)]))


def _edges(keys: Sequence[str]) -> Sequence[str]:
    if len(keys) <= 2 * _EDGE + _BETWEEN:
        return keys
    return [*keys[:_EDGE], *_spread(keys[_EDGE:-_EDGE], _BETWEEN), *keys[-_EDGE:]]


def _newest(listing: _Listing, known: int) -> int:
    """Find the last step that has an object, by doubling the distance as long as there is one, then halving it."""
    low, distance = known, 1
    while low + distance < _FARTHEST and (beyond := listing.next(low + distance)) is not None:
        low, distance = beyond, 2 * distance
    high = low + distance
    while low < high:
        middle = (low + high) // 2
        beyond = listing.next(middle)
        low, high = (low, middle) if beyond is None else (beyond, high)
    return low


def _last(listing: _Listing, begin: int, newest: int) -> Sequence[str]:
    """The keys of the last objects, including that of `newest`."""
    distance = _EDGE
    while True:
        keys = listing.all_from(max(newest - distance, begin))
        if len(keys) >= _EDGE or newest - distance <= begin:
            return keys[-_EDGE:]
        distance *= 2


def _step_of(key: str) -> int:
    parsed = layout.parse_step_key(key)
    return parsed[0] if parsed is not None else 0


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    """Select at most this many of the items at even distances, including the first and the last."""
    if len(items) <= most:
        return items
    places = dict.fromkeys(round(place * (len(items) - 1) / (most - 1)) for place in range(most))
    return [items[place] for place in places]
