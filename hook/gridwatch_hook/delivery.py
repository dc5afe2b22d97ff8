"""Hands saved steps over in a thread of its own, so that neither a slow nor a failing write holds the training up."""

from __future__ import annotations

import threading
from collections import deque

from gridwatch_hook.batch import Batch, SavedStep, encode, encode_together
from gridwatch_hook.clock import Clock
from gridwatch_hook.layout import collections_key, completed_index_key, index_key
from gridwatch_hook.pace import Pace
from gridwatch_hook.report import Report
from gridwatch_hook.sinks import Sink
from gridwatch_hook.skipped import SkippedEntries
from gridwatch_hook.wish import WishBox

_FEW_STEPS = 4  # a batch of at most this many steps gets an index object for each of them
LARGEST_BATCH = 16 * 1024 * 1024  # approximate bytes in one events file; readers accept no index that is larger
_SHORTEST = 0.05  # shortest wait, in seconds
_LONGEST_PAUSE = 30.0  # longest pause between attempts, in seconds


class Delivery:
    """Takes steps from the training's thread and puts them into a sink: the events file first, then index objects by
    step; or, `together`, one events file that carries its own index.

    A write that fails is repeated until it succeeds or closing runs out of time; what does not fit into `memory_limit`
    (bytes) meanwhile is dropped and counted. `first_pause`, in seconds, comes before the second attempt, and doubles.
    """

    def __init__(
        self,
        sink: Sink,
        worker: str,
        *,
        clock: Clock,
        pace: Pace,
        memory_limit: float,
        together: bool = False,
        wishes: WishBox | None = None,
        first_pause: float = 0.5,
    ) -> None:
        self.report = Report()
        self.skipped = SkippedEntries()
        self.together = together
        self._sink = sink
        self.worker = worker
        self._clock = clock
        self._pace = pace
        self._wishes = wishes
        self._memory_limit = memory_limit
        # Steps that wait for their turn must not fill the memory that is reserved for failing writes.
        self._full = min(LARGEST_BATCH, memory_limit / 4)
        self._first_pause = first_pause
        self._follows = -1  # the last step that was written
        self._waiting: deque[SavedStep] = deque()
        self._waiting_bytes = 0
        self._count = threading.Lock()
        self._collections: bytes | None = None
        self._arrived = threading.Event()
        self._stirred = threading.Event()  # set to wake the thread, which then computes its wait afresh
        self._urgent = False
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="gridwatch-hook", daemon=True)
        self._threadless = False

    def start(self) -> None:
        """Begin to write. An interpreter that is ending starts no more threads (Python 3.12 and later): `finish` then
        writes everything.
        """
        try:
            self._thread.start()
        except RuntimeError:
            self._threadless = True

    def describe_collections(self, document: bytes) -> None:
        """Set the collections file to write before the next index object."""
        self._collections = document

    def add(self, saved: SavedStep, *, urgent: bool = False) -> None:
        """Queue a step, to be written sooner when it is `urgent`; never waits and never fails."""
        with self._count:
            fits = self._waiting_bytes + saved.size <= self._memory_limit or not self._waiting_bytes
            if fits:
                self._waiting_bytes += saved.size
        if not fits:
            self.report.steps_lost += 1
            return
        self._waiting.append(saved)
        if urgent or self._waiting_bytes >= self._full:
            self._urgent = self._urgent or urgent
            self._stirred.set()
        if not self._arrived.is_set():
            self._arrived.set()

    def finish(self, seconds: float) -> bool:
        """Write what is waiting, trying for `seconds` at most. Returns whether the thread came to its end."""
        self._give_up_at = self._clock.monotonic() + seconds
        self._closing.set()
        self._stirred.set()
        self._arrived.set()
        if self._threadless:
            while self._waiting:
                self._flush()
            return True
        self._thread.join(seconds + 1.0)
        return not self._thread.is_alive()

    def due_in(self) -> float:
        """Seconds until the waiting steps may be written; 0 or less when they may be written now."""
        if self._waiting_bytes >= self._full:
            return 0.0
        now = self._clock.monotonic()
        delay = self._pace.delay(now, urgent=self._urgent)
        # A wish may arrive in the meantime. This thread checks for it, because a delay here does not hold training up.
        return min(delay, max(self._wishes.due_in(now), _SHORTEST)) if self._wishes is not None else delay

    def _hear_wishes(self) -> None:
        if self._wishes is not None:
            wish = self._wishes.look(self._clock.monotonic())
            self._pace.wish(wish.every if wish.until > self._clock.wall() else float("inf"))

    def write(self) -> None:
        """Write what is waiting. The thread calls it; where no thread was started, the caller that keeps time does."""
        self._pace.taken(self._clock.monotonic())
        self._urgent = False
        self._flush()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._arrived.wait()
            self._arrived.clear()
            while not self._closing.is_set() and (delay := self.due_in()) > 0:
                self._stirred.wait(delay)
                self._stirred.clear()
                self._hear_wishes()
            self.write()
        while self._waiting:
            self._flush()

    def _flush(self) -> None:
        steps, size = self._take()
        if not steps:
            return
        batch = encode_together(steps, self.worker, self._follows) if self.together else encode(steps, self.worker)
        if self._deliver(batch):
            self.report.steps_written += len(steps)
            self._follows = steps[-1].step
        else:
            self.report.steps_lost += len(steps)
        with self._count:
            self._waiting_bytes -= size

    def _take(self) -> tuple[list[SavedStep], int]:
        steps: list[SavedStep] = []
        size = 0
        while self._waiting and size < LARGEST_BATCH:
            steps.append(self._waiting.popleft())
            size += steps[-1].size
        return steps, size

    def _deliver(self, batch: Batch) -> bool:
        pause = self._first_pause
        while True:
            try:
                self._put(batch)
            except Exception as error:  # noqa: BLE001  (whatever a write raises, training goes on and the write is repeated)
                self.report.failed_attempts += 1
                self.report.last_error = f"{type(error).__name__}: {error}"
            else:
                return True
            if not self._rest(pause):
                return False
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _rest(self, seconds: float) -> bool:
        """Wait before the next attempt. Returns False when there is no time for one."""
        self._closing.wait(seconds)
        if not self._closing.is_set():
            return True
        left = self._give_up_at - self._clock.monotonic()
        if left <= 0:
            return False
        threading.Event().wait(min(self._first_pause, left))
        return True

    def _put(self, batch: Batch) -> None:
        document = self._collections
        if document is not None:
            self._sink.put(collections_key(self.worker), document)
            if self._collections is document:
                self._collections = None
        if batch.events:  # there are no records when only shapes are saved at these steps
            self._sink.put(batch.events_key, batch.events)
        if self.together:
            self.skipped.add(tuple(entry for entry in batch.entries if entry.asked))
            return
        if self._sink.every_index_object or len(batch.entries) <= _FEW_STEPS:
            for entry in batch.entries:
                self._sink.put(index_key(entry.step, self.worker), entry.to_json())
            return
        *earlier, last = batch.entries
        self._sink.put(index_key(last.step, self.worker), last.to_json(earlier))
        self.skipped.add(tuple(earlier))

    def left_out_key(self, step: int, worker: str) -> str:
        """The key under which closing puts the index object of a step that has none of its own."""
        return completed_index_key(step, worker) if self.together else index_key(step, worker)
