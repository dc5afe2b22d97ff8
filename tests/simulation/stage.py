"""Simulated time, and invocations that take turns on it: threads of which one runs at a time, in an order that follows
from the seed alone. An invocation gives way at each of its calls to AWS and whenever it sleeps.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC).timestamp()


class KilledError(BaseException):
    """Ends the function's process: nothing may catch it."""


@dataclass(order=True, slots=True)
class _Planned:
    at: float
    number: int
    action: Callable[[], None] = field(compare=False)


class Stage:
    """The schedule of everything that happens. `trace` tells what happened, one line each."""

    def __init__(self, seed: int) -> None:
        self.now = START
        self.chance = random.Random(f"stage {seed}")
        self.trace: list[str] = []
        self.acting: Act | None = None
        self._planned: list[_Planned] = []
        self._numbers = itertools.count()
        self._yielded = threading.Semaphore(0)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._planned, _Planned(self.now + seconds, next(self._numbers), action))

    def every(self, seconds: float, action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            self.after(seconds, again)

        self.after(seconds, again)

    def run(self, until: Callable[[], bool], *, most_seconds: float) -> bool:
        """Let time pass until a condition holds; False when that many seconds were not enough."""
        end = self.now + most_seconds
        while not until():
            if not self._planned or self._planned[0].at > end:
                self.now = end
                return until()
            planned = heapq.heappop(self._planned)
            self.now = max(self.now, planned.at)
            planned.action()
        return True

    def tell(self, line: str) -> None:
        who = self.acting.name if self.acting else "-"
        self.trace.append(f"{self.now - START:10.3f} {who:28} {line}")

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def hand_over(self, act: Act) -> None:
        """Let the act run until it yields or is over."""
        self.acting = act
        act.turn.release()
        self._yielded.acquire()
        self.acting = None

    def give_back(self) -> None:
        self._yielded.release()


class Act(threading.Thread):
    """One invocation: `work` runs until it returns, raises, is killed, or its time is over.

    `skew`: by how many seconds its machine's clock is wrong. `done` is called at the end with the answer or the error.
    """

    def __init__(
        self,
        stage: Stage,
        name: str,
        work: Callable[[], Any],
        done: Callable[[Any, BaseException | None], None],
        *,
        seconds: float,
        skew: float = 0.0,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.turn = threading.Semaphore(0)
        self.skew = skew
        self.faulty = False  # whether anything was done to it on purpose
        self.dead = False
        self._stage = stage
        self._work = work
        self._done = done
        self._deadline = stage.now + seconds

    @property
    def seconds_left(self) -> float:
        return self._deadline - self._stage.now

    def begin(self, delay: float) -> None:
        self._deadline += delay
        self.start()
        self._stage.after(delay, lambda: self._stage.hand_over(self))

    def run(self) -> None:
        self.turn.acquire()
        answer, error = None, None
        try:
            answer = self._work()
        except BaseException as raised:  # noqa: BLE001 - whatever ends it is what Lambda hears of
            error = raised
        if self.dead:
            answer, error = None, KilledError()
        self._done(answer, error)
        self._stage.give_back()

    def pause(self, seconds: float) -> None:
        """Yield for that long. Raises KilledError when the time is over before."""
        self.check()
        overdue = seconds > self.seconds_left
        self._stage.after(min(seconds, max(self.seconds_left, 0.0)), lambda: self._stage.hand_over(self))
        self._stage.give_back()
        self.turn.acquire()
        if overdue:
            self._stage.tell("time is over")
            self.faulty = True
            self.die()

    def die(self) -> None:
        self.dead = True
        raise KilledError

    def check(self) -> None:
        """Raise KilledError for anything that a dead process would still do, such as in its `finally`."""
        if self.dead:
            raise KilledError

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self._stage.now + self.skew, UTC)
