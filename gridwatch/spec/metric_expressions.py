"""Finds numbers of a script that a metric's expression would lose.

A line is made from the expression itself: the shortest text that it matches, with a number in place of its first group,
which SageMaker takes for the value. The value read from that line must be the number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gridwatch.spec.shortest_text import shortest_text
from gridwatch_rules.patterns import PatternError, time_limit

# As Python, C and JavaScript print them; the last two are no values but what a training that went wrong prints.
SAMPLES = ("12", "0.5", "-3.5", "1.5e-06", "1e5")
NOT_FINITE = ("nan", "inf")
BETTER = r"([-+]?(?:[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|nan|inf))"


@dataclass(frozen=True, slots=True)
class Loss:
    """A lost number: from `line`, the expression reads `read` (or nothing) in place of `number`."""

    number: str
    line: str
    read: str | None

    @property
    def as_text(self) -> str:
        if self.read is None:
            return f'finds no value in "{self.line}"'
        try:
            value = float(self.read)
        except ValueError:
            what = f"takes {self.read!r}, which is no number," if self.read else "takes nothing"
            return f'{what} for the value in "{self.line}"'
        return f'reads {value:g} from "{self.line}"'


def losses(expression: str, samples: Sequence[str] = (*SAMPLES, *NOT_FINITE)) -> tuple[Loss, ...]:
    """The numbers that are lost; none also where no line can be made from the expression.

    The expression is one that `gridwatch_rules.patterns.compile_pattern` takes, with a group.
    """
    try:
        with time_limit():
            return tuple(_losses(expression, samples))
    except PatternError:
        return ()


def value_group(expression: str) -> int | None:
    """A group that holds more forms of numbers than the first one, which SageMaker reads and which may be a name or an
    epoch. None where the first group holds as many.
    """
    pattern = re.compile(expression)
    try:
        with time_limit():
            read = {group: _read_by(pattern, group) for group in range(1, pattern.groups + 1)}
    except PatternError:
        return None
    best = max(read, key=lambda group: read[group])
    return best if read[best] > read[1] else None


def line_of(expression: str, number: str = "0.5") -> str | None:
    """A line in which the expression matches the number; None when there is none."""
    pattern = re.compile(expression)
    line = shortest_text(pattern, 1, number)
    found = pattern.search(line) if line is not None else None
    return line if found is not None and _same(found[1] or "", number) else None


def _losses(expression: str, samples: Sequence[str]) -> Iterator[Loss]:
    pattern = re.compile(expression)
    if not any(_found(pattern, number) is not None for number in (None, *SAMPLES, *_fixed("0.5"))):
        return  # no such line can be made, and nothing is said
    for number in _as_printed(pattern, samples):
        line = shortest_text(pattern, 1, number)
        if line is None:
            return
        found = pattern.search(line)
        read = found[1] if found is not None else None
        if read is None or not _same(read, number):
            yield Loss(number, line.strip("\n"), read)


def _as_printed(pattern: re.Pattern[str], samples: Sequence[str]) -> Sequence[str]:
    """The numbers in the form that the expression expects: one for four decimals is not blamed for wanting four, nor
    one for powers of ten.
    """
    if _reads(pattern, "0.5"):
        return samples
    for written in (_fixed, _scientific):
        place = next((place for place, each in enumerate(written("0.5")) if _reads(pattern, each)), None)
        if place is not None:
            finite = [number for number in samples if number not in NOT_FINITE]
            plain = [number for number in finite if written is _scientific or "e" not in number]
            return tuple(written(number)[place] for number in plain)
    return samples


def _fixed(number: str) -> tuple[str, ...]:
    """The number with two decimals and more, as format strings print it."""
    return tuple(f"{float(number):.{decimals}f}" for decimals in range(2, 11))


def _scientific(number: str) -> tuple[str, ...]:
    """The number as `%e` prints it, always with a power of ten."""
    return tuple(f"{float(number):.{decimals}e}" for decimals in (6, *range(6), *range(7, 11)))


def _reads(pattern: re.Pattern[str], number: str) -> bool:
    found = _found(pattern, number)
    return found is not None and _same(found[1] or "", number)


def _found(pattern: re.Pattern[str], number: str | None) -> re.Match[str] | None:
    line = shortest_text(pattern, 1, number)
    return pattern.search(line) if line is not None else None


def _read_by(pattern: re.Pattern[str], group: int) -> int:
    """How many of the numbers the group holds in full, where it is no part of the first group."""
    count = 0
    for number in SAMPLES:
        line = shortest_text(pattern, group, number)
        found = pattern.search(line) if line is not None else None
        if found is None or (group > 1 and found.start(group) < found.end(1)):
            continue
        count += _same(found[group] or "", number)
    return count


def _same(read: str, number: str) -> bool:
    try:
        value, wanted = float(read), float(number)
    except ValueError:
        return False
    return value == wanted or (math.isnan(value) and math.isnan(wanted))
