"""Packs curves into few bytes: numbers in base64, and each sequence of steps once."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Sequence
from typing import Any


class StepPool:
    """Sequences of steps. One that is a beginning of another is kept as its length: such jobs were stopped early."""

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        self._kept: list[tuple[int, ...]] = []
        self._by_first: dict[int, list[int]] = {}
        for steps in sorted({tuple(each) for each in sequences}, key=lambda each: (-len(each), each)):
            if steps and self._find(steps) is None:
                self._by_first.setdefault(steps[0], []).append(len(self._kept))
                self._kept.append(steps)

    def place(self, steps: Sequence[int]) -> int:
        """The place in `packed` of the sequence that begins with these steps. Raises KeyError for steps that were not
        given.
        """
        found = self._find(tuple(steps))
        if found is None:
            raise KeyError(steps)
        return found

    def packed(self) -> list[str]:
        return [pack("i", each) for each in self._kept]

    def _find(self, steps: tuple[int, ...]) -> int | None:
        for place in self._by_first.get(steps[0], ()) if steps else ():
            if self._kept[place][: len(steps)] == steps:
                return place
        return None


def pack(code: str, numbers: Sequence[Any]) -> str:
    """Little-endian, in base64: `f` as 32-bit floating point numbers, `i` as 32-bit integers."""
    packed = array(code, numbers) if code == "i" else array(code, map(_single, numbers))
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()


def _single(number: float) -> float:
    """The value in single precision: beyond the range of 32 bits, where array raises OverflowError, it becomes
    infinite.
    """
    if number != number or abs(number) <= 3.4e38:  # noqa: PLR0124  NaN is the only value that differs from itself
        return number
    return float("inf") if number > 0 else float("-inf")
