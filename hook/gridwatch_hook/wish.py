"""Reads an owner's wish for sooner looks at a running job, which `gridwatch look` puts beside the job's tensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from gridwatch_hook.layout import WISH
from gridwatch_hook.pace import Terms


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish for sooner looks. `every` is the seconds between two looks, `until` its end in Unix seconds."""

    every: float
    until: float


NONE = Wish(float("inf"), float("-inf"))


class WishBox:
    """Reads the wish at most twice in the usual interval between looks: one reading costs a thirtieth of a look."""

    def __init__(self, read: Callable[[str], bytes | None], terms: Terms) -> None:
        self._read = read
        self._every = max(terms.look_seconds / 2, 1.0)
        self._next = 0.0
        self._wish = NONE

    def look(self, now: float) -> Wish:
        """The current wish, read afresh when a reading is due; `now` is in monotonic seconds."""
        if now >= self._next:
            self._next = now + self._every
            self._wish = self._parsed()
        return self._wish

    def due_in(self, now: float) -> float:
        return max(self._next - now, 0.0)

    def _parsed(self) -> Wish:
        try:
            said = json.loads(self._read(WISH) or b"{}")
            return Wish(max(float(said["every_seconds"]), 1.0), float(said["until"]))
        except Exception:  # noqa: BLE001  (there is no wish, or nobody can read it: the pace stays as it is)
            return NONE
