"""Waiting for one's turn to write: how long, and until when."""

from __future__ import annotations

import pytest

from gridwatch.state.patience import FIRST_WAIT, LONGEST_WAIT, Patience
from tests.fakes.clock import FakeClock


def test_the_first_try_waits_for_nothing_and_the_others_at_random_ever_longer() -> None:
    clock, asked = FakeClock(), list[float]()

    def jitter(longest: float) -> float:
        asked.append(longest)
        return 0.0

    tries = Patience(clock, jitter=jitter).tries()
    assert next(tries) == 0
    assert clock.slept == []
    for _ in range(40):
        next(tries)
    assert asked[0] == FIRST_WAIT
    assert asked == sorted(asked)
    assert max(asked) == LONGEST_WAIT


def test_who_has_waited_long_waits_less() -> None:
    clock, asked = FakeClock(), list[float]()

    def jitter(longest: float) -> float:
        asked.append(longest)
        return longest

    list(Patience(clock, jitter=jitter).tries())
    assert asked[-1] < max(asked) / 5


@pytest.mark.parametrize("seconds", [5.0, 25.0])
def test_patience_ends(seconds: float) -> None:
    clock = FakeClock()
    tries = list(Patience(clock, seconds=seconds, jitter=lambda longest: longest).tries())
    assert len(tries) > 10
    assert seconds * 0.9 < sum(clock.slept) <= seconds
