"""Writes what remains when training is over: the index objects that were left out, the end marker, the report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from gridwatch_hook.batch import IndexEntry
from gridwatch_hook.clock import Clock
from gridwatch_hook.report import Report
from gridwatch_hook.sinks import Sink
from gridwatch_hook.skipped import SkippedEntries

_PARALLEL = 8


class Backfill:
    """Gives skipped steps an index object of their own, several at a time, until `give_up_at` (monotonic seconds)."""

    def __init__(
        self, sink: Sink, worker: str, clock: Clock, give_up_at: float, key_of: Callable[[int, str], str]
    ) -> None:
        self._key_of = key_of
        self._sink = sink
        self._worker = worker
        self._clock = clock
        self._give_up_at = give_up_at
        self._next = threading.Lock()
        self._done = 0
        self._error = ""

    def run(self, skipped: SkippedEntries, report: Report) -> None:
        if not skipped.count:
            return
        entries = skipped.drain()
        threads: list[threading.Thread] = []
        for _ in range(min(_PARALLEL, skipped.count) - 1):
            thread = threading.Thread(target=self._work, args=(entries,), daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending and starts no more threads: this one does it all
                break
            threads.append(thread)
        self._work(entries)
        for thread in threads:
            thread.join(max(0.0, self._give_up_at - self._clock.monotonic()) + 1.0)
        report.index_objects_left_out = skipped.count - self._done
        report.last_error = self._error or report.last_error

    def _work(self, entries: Iterator[IndexEntry]) -> None:
        while self._clock.monotonic() < self._give_up_at:
            with self._next:
                entry = next(entries, None)
            if entry is None:
                return
            try:
                self._sink.put(self._key_of(entry.step, self._worker), entry.to_json())
            except Exception as error:  # noqa: BLE001  (the step can be read under a later one's `earlier`; it is counted)
                self._error = f"{type(error).__name__}: {error}"
                continue
            with self._next:
                self._done += 1
