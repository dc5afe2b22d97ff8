"""The profiler as a training script uses it."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

from gridwatch_hook.clock import Clock, SystemClock
from gridwatch_hook.modes import Mode
from gridwatch_hook.profiler import timeline
from gridwatch_hook.profiler.gpu import open_gpus
from gridwatch_hook.profiler.machine import CounterReader, GpuReader
from gridwatch_hook.profiler.outbox import Outbox
from gridwatch_hook.profiler.proc import ProcReader
from gridwatch_hook.profiler.ranges import ProfileRange
from gridwatch_hook.profiler.sampler import Sampler
from gridwatch_hook.profiler.settings import Environment, ProfilerSettings
from gridwatch_hook.profiler.timeline import Span
from gridwatch_hook.sinks import open_sink

_CLOSING_SECONDS = 30.0

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Profiler:
    """Samples the machine in the background and times the steps that a script marks. No error of it stops the training.

    `with Profiler.create("out") as profiler: for batch in profiler.batches(loader): with profiler.step(): ...`
    """

    def __init__(
        self, settings: ProfilerSettings, outbox: Outbox, sampler: Sampler, clock: Clock, gpus: GpuReader | None
    ) -> None:
        self.outbox = outbox
        self._settings = settings
        self._sampler = sampler
        self._clock = clock
        self._gpus = gpus
        self._steps: dict[str, int] = {}
        self._open = False

    @classmethod
    def create(cls, uri: str, settings: ProfilerSettings | None = None, *, node: str = "algo-1") -> Profiler:
        """Create a profiler that writes below `uri`: a folder, or s3://bucket/prefix. Raises ConfigError."""
        return cls._assembled(settings or ProfilerSettings(), uri, node, None)

    @classmethod
    def from_environment(cls) -> Profiler | None:
        """The profiler that SageMaker's or Gridwatch's configuration asks for, or None. Raises ConfigError."""
        found = Environment.read()
        if found.settings is None:
            return None
        return cls._assembled(found.settings, found.uri, found.node, found.region)

    @classmethod
    def _assembled(cls, settings: ProfilerSettings, uri: str, node: str, region: str | None) -> Profiler:
        clock = SystemClock()
        outbox = Outbox(open_sink(uri, region), clock)
        gpus = open_gpus(settings.interval_ms)
        sampler = Sampler(settings, outbox, clock, node=node, process=os.getpid(), counters=_counters(), gpus=gpus)
        return cls(settings, outbox, sampler, clock, gpus)

    def start(self) -> None:
        """Begin to sample. Sampling ends with `close`, or with the process."""
        self._open = True
        self.outbox.start()
        self._sampler.start()
        atexit.register(self.close)

    def close(self, seconds: float = _CLOSING_SECONDS) -> None:
        """Write what is left, trying for `seconds` at most, and log what was lost."""
        if not self._open:
            return
        self._open = False
        atexit.unregister(self.close)
        self._sampler.finish()
        self.outbox.finish(seconds)
        if self._gpus is not None:
            self._gpus.close()
        lost = self.outbox.report.files_lost + self._sampler.spans_lost
        if lost or self._sampler.problem:
            report = {"report": self.outbox.report, "spans_lost": self._sampler.spans_lost}
            _log.warning("the profile is incomplete", extra=report | {"problem": self._sampler.problem})

    def step(self, mode: str = Mode.TRAIN.name, number: int | None = None) -> AbstractContextManager[None]:
        """Time one step. Steps of a mode are counted from 0 unless `number` is given."""
        step = self._steps.get(mode, 0) if number is None else number
        self._steps[mode] = step + 1
        name = timeline.STEP + mode
        return _Timed(self, self._settings.steps, Span(name, name, 0.0, 0.0, {"step_num": str(step)}), step)

    def batches(self, loader: Iterable[T]) -> Iterator[T]:
        """Iterate over the loader's batches and record the time spent waiting for each. It also records the worker
        processes of a PyTorch DataLoader.
        """
        began = self._clock.wall()
        iterator = self.loading(lambda: iter(loader), timeline.LOADER_START_PHASE, **_loader_details(loader))
        workers = range(int(getattr(loader, "num_workers", 0) or 0)) if self._settings.loading else ()
        try:
            while True:
                step = self._steps.get(Mode.TRAIN.name, 0)
                waiting = Span(timeline.LOADER_PHASE, timeline.NEXT_BATCH, 0.0, 0.0, {"step_num": str(step)})
                try:
                    with _Timed(self, self._settings.loading, waiting, step):
                        batch = next(iterator)
                except StopIteration:
                    return
                yield batch
        finally:
            ended = self._clock.wall()
            for worker in workers:  # the loader keeps its worker processes for as long as the iterator lives
                self.record(timeline.LOADER_WORKER, timeline.LOADER_WORKER, began, ended - began, worker_id=worker)

    def loading(self, load: Callable[[], T], phase: str = timeline.LOADER_PHASE, **details: Any) -> T:
        """Call `load()`, time it as data loading, and return its result."""
        step = self._steps.get(Mode.TRAIN.name, 0)
        with _Timed(self, self._settings.loading, Span(phase, phase, 0.0, 0.0, details), step):
            return load()

    def record(self, phase: str, name: str, start: float, duration: float, **details: Any) -> None:
        """Record a span that lasted from `start` (Unix seconds) for `duration` seconds; `details` are saved as JSON."""
        if self._open:
            self._sampler.add(Span(phase, name, start, duration, details))

    def now(self) -> float:
        """The time in Unix seconds, by the profiler's clock."""
        return self._clock.wall()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def __enter__(self) -> Profiler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Timed(AbstractContextManager[None]):
    """Records how long its block took, if the step is in the profiled range. A block that fails is recorded too."""

    __slots__ = ("_began", "_began_wall", "_profiler", "_range", "_span", "_step")

    def __init__(self, profiler: Profiler, range_: ProfileRange | None, span: Span, step: int) -> None:
        self._profiler = profiler
        self._range = range_
        self._span = span
        self._step = step
        self._began = self._began_wall = 0.0

    def __enter__(self) -> None:
        self._began_wall = self._profiler.now()
        self._began = self._profiler.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._range is not None and self._range.covers(self._step, self._began_wall):
            lasted = self._profiler.monotonic() - self._began
            span = self._span
            self._profiler.record(span.phase, span.name, self._began_wall, lasted, **span.details)


def _loader_details(loader: Any) -> dict[str, Any]:
    workers = int(getattr(loader, "num_workers", 0) or 0)
    return {"num_workers": workers, "pin_memory": bool(getattr(loader, "pin_memory", False))}


def _counters() -> CounterReader | None:
    if sys.platform == "linux":
        return ProcReader()
    from gridwatch_hook.profiler.with_psutil import PsutilReader  # noqa: PLC0415  (needed where there is no /proc)

    return PsutilReader.open()
