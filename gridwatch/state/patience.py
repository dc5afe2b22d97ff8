"""Retries of a write that somebody else's write overtook: how often, and for how long."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from gridwatch_rules.clock import Clock, SystemClock

# Found by simulating 500 at one instant and 200 a second: waits so short that few tries are lost to nobody, and so long
# that the table's answers and not the tries are what all wait for. Who has waited long waits less, so that nobody is
# always the last.
FIRST_WAIT = 0.1
GROWTH = 1.2
LONGEST_WAIT = 1.0


def at_random(longest: float) -> float:
    """A random number of seconds up to that many."""
    return random.uniform(0, longest)  # noqa: S311 - spreads calls, guards nothing


@dataclass(frozen=True, slots=True)
class Patience:
    """Tries one after the other, with random waits between them, for `seconds` in all."""

    clock: Clock = field(default_factory=SystemClock)
    seconds: float = 25.0
    jitter: Callable[[float], float] = at_random

    def tries(self) -> Iterator[int]:
        """The numbers of the tries, from 0; asking for the next means that the one before failed."""
        began = self.clock.now()
        for number in count():
            yield number
            waited = (self.clock.now() - began).total_seconds()
            longest = min(LONGEST_WAIT / (1 + max(waited, 0.0)), FIRST_WAIT * GROWTH ** min(number, _GROWN))
            pause = self.jitter(longest)
            if waited + pause > self.seconds:
                return
            self.clock.sleep(pause)


_GROWN = 20  # tries after which the wait has long been the longest
