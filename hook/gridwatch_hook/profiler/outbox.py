"""Puts finished files into a sink in a thread of its own, so that a slow or failing destination delays no sample."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from gridwatch_hook.clock import Clock
from gridwatch_hook.sinks import Sink

_LONGEST_PAUSE = 30.0  # seconds between attempts


@dataclass(slots=True)
class OutboxReport:
    """Counts of the files that were written, dropped and tried again."""

    files_written: int = 0
    files_lost: int = 0  # memory ran out while writes failed, or closing ran out of time
    failed_attempts: int = 0
    last_error: str = ""


class Outbox:
    """A queue of finished files, written in the order in which they came. A file that fails is tried again until it
    succeeds or closing runs out of time.

    While more than `memory_limit` bytes wait, new files are dropped and counted.
    """

    def __init__(
        self, sink: Sink, clock: Clock, memory_limit: int = 32 * 1024 * 1024, first_pause: float = 0.5
    ) -> None:
        self.report = OutboxReport()
        self._sink = sink
        self._clock = clock
        self._memory_limit = memory_limit
        self._first_pause = first_pause
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._count = threading.Lock()
        self._arrived = threading.Event()
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="gridwatch-profiler-outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, key: str, body: bytes) -> None:
        """Queue a file; never waits and never fails."""
        with self._count:
            fits = self._bytes + len(body) <= self._memory_limit
            if fits:
                self._bytes += len(body)
        if not fits:
            self.report.files_lost += 1
            return
        self._waiting.append((key, body))
        self._arrived.set()

    def finish(self, seconds: float) -> None:
        """Write what is waiting, trying for `seconds` at most."""
        self._give_up_at = self._clock.monotonic() + seconds
        self._closing.set()
        self._arrived.set()
        self._thread.join(seconds + 1.0)

    def _run(self) -> None:
        while True:
            self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                self._send(*self._waiting.popleft())
            if self._closing.is_set() and not self._waiting:
                return

    def _send(self, key: str, body: bytes) -> None:
        pause = self._first_pause
        while not self._try(key, body):
            if self._clock.monotonic() >= self._give_up_at:
                self.report.files_lost += 1
                break
            self._closing.wait(pause) if not self._closing.is_set() else threading.Event().wait(self._first_pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        with self._count:
            self._bytes -= len(body)

    def _try(self, key: str, body: bytes) -> bool:
        try:
            self._sink.put(key, body)
        except Exception as error:  # noqa: BLE001  (whatever a write raises, training goes on and the write is repeated)
            self.report.failed_attempts += 1
            self.report.last_error = f"{type(error).__name__}: {error}"
            return False
        self.report.files_written += 1
        return True
