"""Records a training step by step. Watchers call it from the training's thread, so that each call costs little."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Any

from gridwatch_hook.clock import Clock
from gridwatch_hook.watch.rows import Row, Scalar

PHASES = ("starting", "data", "forward-backward", "step", "eval", "checkpoint", "over")
LOGS = "log"  # steps are told by what the script logs, while no watcher sees any
_BURST = 1000.0  # steps that are saved however quickly they come
_STEPS_PER_SECOND = 100.0  # steps a second that are saved afterwards, so that watching costs no more than about 1 %
_MOST_WAITING = 20_000  # rows that wait to be written
_MOST_MICRO_BATCHES = 1024


class Recorder:
    """The current step of a training and the steps that are done but not yet written.

    A step that is done stays open until the next one ends, so that what is reported about it afterwards (an
    evaluation, a log line) joins it.
    """

    def __init__(self, clock: Clock) -> None:
        self.step = 0  # the number of the step that is under way
        self.phase = "starting"
        self.by: str | None = None  # the watcher that says when a step ends
        self.rows: deque[Row] = deque()
        self.lost = 0
        self.thread = threading.get_ident()
        self._wall = clock.wall
        self._now = clock.monotonic
        self.moved_at = self._now()  # when the training last did anything
        self._lock = threading.Lock()
        self._open: Row | None = None
        self._row = Row(0, 0.0)
        self._ended_at: float | None = None
        self._tokens = _BURST
        self._aside = 0.0  # seconds since the last step that went to evaluations and checkpoints
        self._aside_from: float | None = None
        self._waited = 0.0
        self._samples = 0
        self._tokens_read = 0
        self._own = 0.0  # seconds of the step in which the rank waited for no other
        self._own_from: float | None = None

    def enter(self, phase: str) -> None:
        """The training goes on to another phase."""
        now = self.moved_at = self._now()
        if self._aside_from is None:
            if phase in ("eval", "checkpoint"):
                self._aside_from = now
        elif phase not in ("eval", "checkpoint"):
            self._aside += now - self._aside_from
            self._aside_from = None
        self.phase = phase

    def waited(self, seconds: float, samples: int, tokens: int = 0) -> None:
        """The training waited for a batch of so many samples."""
        self._waited += seconds
        self._samples += samples
        self._tokens_read += tokens

    def loss(self, value: Scalar) -> None:
        """Backward is called on a loss. The step's loss is the sum of these."""
        if len(self._row.losses) < _MOST_MICRO_BATCHES:
            self._row.losses.append(value)

    def scalar(self, name: str, value: Scalar) -> None:
        """Note a number about the step that is under way."""
        self._row.scalars[name] = value

    def begin_shared(self) -> None:
        """A part of the step begins in which ranks may wait for each other: the backward pass."""
        if self._own_from is not None:
            self._own += self._now() - self._own_from
            self._own_from = None

    def end_shared(self) -> None:
        """The backward pass is over. Another may follow, where gradients accumulate."""
        self._own_from = self._now()

    def note_own(self) -> None:
        """Note the time that this rank needed for its own part of the step."""
        if self._ended_at is not None:
            self.scalar("own_seconds", max(self._own - self._aside, 0.0))

    @property
    def has_losses(self) -> bool:
        return bool(self._row.losses)

    @property
    def row(self) -> Row:
        """The row of the step that is under way."""
        return self._row

    def report(self, curves: dict[str, Scalar], scalars: dict[str, Scalar] | None = None) -> None:
        """Note what the training reports, about the last step that is done where it is still open."""
        with self._lock:
            row = self._open or self._row
            row.curves.update(curves)
            row.scalars.update(scalars or {})
            row.reported = True

    def align(self, step: int) -> None:
        """The training says which step is under way; a number that was passed already is ignored."""
        self.step = max(self.step, step)

    def end_step(self, by: str) -> None:
        """The step is done. The first of several watchers says when; one that sees training goes before mere logs."""
        if self.by in (None, LOGS):
            self.by = by
        elif self.by != by:
            return
        now = self.moved_at = self._now()
        self.enter("forward-backward")
        row = self._row
        row.step, row.wall_time = self.step, self._wall()
        self._time(row, now)
        self._ration(row, now)
        self._ended_at = now
        self.step += 1
        self._row = Row(self.step, 0.0)
        with self._lock:
            self._close_open()
            self._open = row

    def close_open(self, older_than: float = 0.0) -> None:
        """Hand over the last step if it ended more than so many seconds ago. The writing thread calls this."""
        if self._open is not None and (self._ended_at or 0.0) + older_than <= self._now():
            with self._lock:
                self._close_open()

    def finish(self) -> None:
        """Hand over everything, also what was reported after the last step."""
        self.phase = "over"
        with self._lock:
            self._close_open()
            row = self._row
            if row.reported or row.tensors:
                row.step, row.wall_time = self.step, self._wall()
                self.rows.append(row)
            self._row = Row(self.step + 1, 0.0)

    def _close_open(self) -> None:
        row, self._open = self._open, None
        if row is None:
            return
        if not row.kept and not row.reported and not row.tensors and _plainly_finite(row.losses):
            return
        if len(self.rows) >= _MOST_WAITING:
            self.lost += 1
            return
        self.rows.append(row)

    def _time(self, row: Row, now: float) -> None:
        scalars = row.scalars
        if self._ended_at is not None:
            seconds = max(now - self._ended_at - self._aside, 1e-9)
            scalars["step_seconds"] = seconds
            if self._samples:
                scalars["data_wait_seconds"] = self._waited
                scalars["samples_per_second"] = self._samples / seconds
            if self._tokens_read:
                scalars["tokens_per_second"] = self._tokens_read / seconds
            if self._aside:
                scalars["aside_seconds"] = self._aside
        self._aside = self._waited = self._own = 0.0
        self._own_from = now
        self._samples = self._tokens_read = 0

    def _ration(self, row: Row, now: float) -> None:
        rest = now - self._ended_at if self._ended_at is not None else 0.0
        self._tokens = min(_BURST, self._tokens + rest * _STEPS_PER_SECOND)
        row.kept = self._tokens >= 1.0
        if row.kept:
            self._tokens -= 1.0


def _plainly_finite(losses: list[Any]) -> bool:
    """Whether no loss is known to be other than finite. One that has not arrived from its device counts as finite."""
    return all(not isinstance(loss, float) or math.isfinite(loss) for loss in losses)
