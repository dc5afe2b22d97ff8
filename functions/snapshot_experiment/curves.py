"""Reads the curves of one source of a job, in few requests: every scalar of its metrics and losses, of every worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from gridwatch.tables.facts import Point
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.collections import Collections
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.ranges import read_ranges
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import ByteRange, TensorSource
from gridwatch_rules.tensors.steps import SavedStep
from gridwatch_rules.tensors.wall_time import wall_time
from gridwatch_rules.tensors.wire import WireError, unsound

_COLLECTIONS = ("metrics", "losses")
_LONGEST_POINT = 4096  # bytes of the record of one number with its name; what is longer is no point of a curve
_BATCH = 1024  # steps whose values are fetched together


class CurveReader:
    """Reads one source's curves once, when `points` is called; afterwards `complete` says whether none are missing."""

    def __init__(self, source: TensorSource, *, ended: bool, of: MetricSource = MetricSource.HOOK) -> None:
        self._source = source
        self._of = of
        self._ended = ended
        self._missing = 0
        self._damage: CorruptTensorError | None = None

    @property
    def complete(self) -> bool:
        return self._ended and not self._missing and self._damage is None

    @property
    def damage(self) -> CorruptTensorError | None:
        """The first damaged file, when there was one."""
        return self._damage

    def points(self) -> Iterator[Point]:
        """The points by step, then in the order in which the job wrote them. Damaged or missing values are left out,
        and `complete` is then False.
        """
        reader = TensorReader(self._source, passes_over=True)
        steps = self._steps(reader)
        while batch := list(islice(steps, _BATCH)):
            yield from self._points_of(batch, reader.collections())
        self._damage = self._damage or next(iter(reader.damage.values()), None)

    def _steps(self, reader: TensorReader) -> Iterator[SavedStep]:
        try:
            yield from reader.new_steps(Cursor(), ended=self._ended)
        except CorruptTensorError as error:
            self._damage = self._damage or error

    def _points_of(self, steps: Sequence[SavedStep], collections: Collections) -> Iterator[Point]:
        places = [
            (step, name, worker, place)
            for step in steps
            for name in step.names
            if any(collections.has(collection, name) for collection in _COLLECTIONS)
            for worker, place in step.places(name).items()
            if (place.length or 0) <= _LONGEST_POINT
        ]
        try:
            records = read_ranges(self._source, [place for *_, place in places])
        except CorruptTensorError as error:
            self._damage = self._damage or error
            return
        damaged = unsound(records)
        for step, name, worker, place in places:
            value = self._value(name, place, records.get(place), verified=place not in damaged)
            if value is not None:
                number, record = value
                yield Point(
                    name=name,
                    mode=step.mode.name,
                    step=step.step,
                    value=number,
                    logged_at=wall_time(record),
                    source=self._of,
                    worker=worker,
                )

    def _value(
        self, name: str, place: ByteRange, record: bytes | memoryview | None, *, verified: bool
    ) -> tuple[float, bytes | memoryview] | None:
        from gridwatch_rules.tensors.decoding import read_tensor  # noqa: PLC0415  numpy is slow to import

        if record is None:
            self._missing += 1
            return None
        try:
            stored = read_tensor(record, verified=verified)
            if stored.name != name:
                raise WireError(f"{stored.name!r:.100} where the index says {name!r:.100}")
            value = stored.value
        except WireError as error:
            self._damage = self._damage or CorruptTensorError(place.key, f"at byte {place.start}: {error}")
            return None
        # A tensor that merely stands in one of these collections is no point of a curve.
        if value.size != 1 or value.dtype.kind not in "biuf":
            return None
        return float(value.reshape(-1)[0]), record
