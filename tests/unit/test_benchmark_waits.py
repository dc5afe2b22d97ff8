"""Tests how long benchmarks wait: as long as something moves, and no longer."""

from __future__ import annotations

from itertools import count

import pytest

from benchmarks import _stops
from benchmarks._stops import wait_while_moving


class Time:
    """A clock that a sleep moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(_stops, "time", clock)
    return clock


def test_what_still_moves_is_waited_for(clock: Time) -> None:
    looks, steps = iter([None] * 100 + ["the end"]), count()
    found = wait_while_moving(lambda: next(looks), lambda: f"step {next(steps) // 4}", quiet=10.0, pause=2.0)
    assert (found, clock.now) == ("the end", 200.0)


def test_what_moves_no_more_is_given_up_and_told(clock: Time) -> None:
    steps = iter(["step 1", "step 2"])
    with pytest.raises(SystemExit, match=r"nothing has changed for 10 s: step 3; no ledger"):
        wait_while_moving(lambda: None, lambda: f"{next(steps, 'step 3')}; no ledger", quiet=10.0, pause=2.0)
    assert clock.now == 16.0
