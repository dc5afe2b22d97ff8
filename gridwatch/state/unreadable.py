"""Records that cannot be read: written by a newer version, or damaged. One of them must harm nothing but itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from gridwatch_rules.failures import GridwatchError

T = TypeVar("T")


class UnreadableRecordError(GridwatchError):
    """`place` says where the record lies, `reason` what is wrong with it; it is left as it is.

    No PermanentError: those are of what was asked of AWS, and lead to trials that are refused.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            f"the record {place} cannot be read: {reason}. A newer version of Gridwatch may have written it;"
            " it is left as it is (docs/operations.md, Records that cannot be read)"
        )
        self.place = place
        self.reason = reason


Noted = Callable[[UnreadableRecordError], None]


def unnoted(error: UnreadableRecordError) -> None:
    """For whoever has nobody to tell."""


def if_readable(read: Callable[[], T | None]) -> T | None:
    """What `read` gives, and None for a record that cannot be read: for loops in which one must not stop the rest."""
    try:
        return read()
    except UnreadableRecordError:
        return None


# What code runs into when a record holds other things than it should, deep inside of what reading it does not check.
DAMAGE = (UnreadableRecordError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(slots=True)
class Isolation:
    """Keeps one bad thing from harming those beside it: whoever works on many does it for each under `each`.

    `broken` has what could not be done, with the reason, for whoever reports it.
    """

    broken: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def each(self, subject: str) -> Iterator[None]:
        """Errors that a damaged record leads to end the block and are noted; those of AWS and conflicts are raised."""
        try:
            yield
        except DAMAGE as error:
            self.broken[subject] = f"{type(error).__name__}: {error}"[:_LONGEST]


_LONGEST = 1_000
