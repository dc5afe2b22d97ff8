"""The background thread that samples the machine and hands the files over."""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from gridwatch_hook.clock import Clock
from gridwatch_hook.profiler.layout import system_key, timeline_key
from gridwatch_hook.profiler.machine import Change, CounterReader, GpuReader, Metric, gpu_metrics
from gridwatch_hook.profiler.settings import ProfilerSettings
from gridwatch_hook.profiler.timeline import Span, Timeline

_SPAN_BYTES = 160  # approximate bytes of one encoded span
_APART = 0.05  # seconds between two samples at least; readers take what is within 0.02 s for one sample
_MOST_SPANS = 500_000  # spans that may wait at once, 80 MB encoded; more than that during one file's time is reported


class Files(Protocol):
    """Takes finished files; never waits and never fails."""

    def put(self, key: str, body: bytes) -> None: ...


class Sampler:
    """Takes a sample every interval and writes a file after several. The training's thread fills `spans`.

    Framework metrics are written before the system metrics of the same time, so that a reader who sees a sample has
    already seen the steps that ended before it.
    """

    def __init__(
        self,
        settings: ProfilerSettings,
        files: Files,
        clock: Clock,
        *,
        node: str,
        process: int,
        counters: CounterReader | None,
        gpus: GpuReader | None,
    ) -> None:
        self.spans: deque[Span] = deque()
        self.spans_lost = 0
        self.problem = ""
        self._settings = settings
        self._files = files
        self._clock = clock
        self._node = node
        self._process = process
        self._counters = counters
        self._gpus = gpus
        self._change = Change()
        self._timeline = Timeline(process, clock.wall())
        self._lines: list[str] = []
        self._first_second = 0
        self._last_file = 0
        self._sampled_at = -math.inf
        self._flush_at = clock.monotonic() + settings.file_seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gridwatch-profiler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, span: Span) -> None:
        """Add a span. The training calls this, so it is cheap and uses bounded memory."""
        if len(self.spans) < _MOST_SPANS:
            self.spans.append(span)
        else:
            self.spans_lost += 1

    def finish(self) -> None:
        """Take a last sample and hand over everything gathered."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def sample(self) -> None:
        """Take one sample of the machine. A reading that fails is left out, and its reason is kept."""
        wall = self._clock.wall()
        self._sampled_at = self._clock.monotonic()
        metrics = self._read()
        if not metrics:
            return
        if not self._lines:
            self._first_second = int(wall)
        self._lines += [json.dumps(metric.as_event(self._node, wall)) for metric in metrics]

    def flush(self) -> None:
        """Hand over everything gathered, as files that are never changed again."""
        self._flush_at = self._clock.monotonic() + self._settings.file_seconds
        if self.spans:
            end, body = self._timeline.encode([self.spans.popleft() for _ in range(len(self.spans))])
            self._files.put(timeline_key(end, self._process, self._node), body)
        if self._lines:
            # Named by the second it begins in, as Debugger's are; two files of one second must not have one name.
            self._last_file = max(self._first_second, self._last_file + 1)
            self._files.put(system_key(self._last_file, self._node), ("\n".join(self._lines) + "\n").encode())
            self._lines = []

    def due(self) -> bool:
        """Whether it is time to write files."""
        full = len(self.spans) * _SPAN_BYTES >= self._settings.file_bytes
        return full or self._clock.monotonic() >= self._flush_at

    def _run(self) -> None:
        interval = self._settings.interval_ms / 1000
        next_at = self._clock.monotonic()
        while True:
            if self._clock.monotonic() >= self._sampled_at + _APART:
                self.sample()
            if self._closing.is_set():
                break
            if self.due():
                self.flush()
            # The schedule does not drift, and missed samples are not made up for.
            next_at = max(next_at + interval, self._sampled_at + _APART)
            self._closing.wait(next_at - self._clock.monotonic())
        self.flush()

    def _read(self) -> Sequence[Metric]:
        metrics: list[Metric] = []
        try:
            if self._counters is not None:
                metrics += self._change.metrics(self._counters.read(), self._clock.monotonic())
            if self._gpus is not None:
                metrics += gpu_metrics(self._gpus.read())
        except Exception as error:  # noqa: BLE001  (whatever the machine answers, training goes on)
            self.problem = f"{type(error).__name__}: {error}"
        return metrics
