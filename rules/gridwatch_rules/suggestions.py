"""Suggests the known name that somebody probably meant, when theirs differs from it only by typing errors.

A name that is merely similar is not suggested, because a wrong suggestion costs more than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

_LONGEST = 100
_SEPARATORS = re.compile(r"[\s:_./-]+")


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was meant: one that is equal but for case and separators, that begins with the given name, or
    that is a typing error or two away.
    """
    if len(name) > _LONGEST:
        return None
    names = list(dict.fromkeys(known))
    plain = _plain(name)
    alike = [candidate for candidate in names if _plain(candidate) == plain]
    if alike:
        return alike[0]
    begun = [candidate for candidate in names if len(name) >= 3 and candidate.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    within = [(count, candidate) for candidate in names if (count := _slips_between(name, candidate)) is not None]
    if not within:
        return None
    return min(within, key=lambda each: (each[0], -SequenceMatcher(None, name, each[1]).ratio()))[1]


def slips(one: str, other: str) -> int:
    """The number of letters left out, added, replaced or swapped with their neighbour. This is the restricted
    Damerau-Levenshtein distance (Damerau 1964, "A technique for computer detection and correction of spelling errors").
    """
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(above[column] + 1, line[column - 1] + 1, above[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, above = above, line
    return above[-1]


def _slips_between(name: str, candidate: str) -> int | None:
    """The number of typing errors between two names; None when there are too many. Most pairs are rejected by their
    lengths and letters alone.
    """
    allowed = _allowed(min(len(name), len(candidate)))
    if abs(len(name) - len(candidate)) > allowed or len(set(name) ^ set(candidate)) > 2 * allowed:
        return None
    count = slips(name, candidate)
    return count if count <= allowed else None


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return _SEPARATORS.sub("-", name.casefold())


def _allowed(length: int) -> int:
    """The number of typing errors allowed: one in a short word, two in a usual one, three in a long one."""
    return 0 if length < 3 else 1 if length < 6 else 2 if length < 14 else 3
