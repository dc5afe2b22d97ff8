"""Records that cannot be read: a newer version wrote them, or they are damaged. One of them must affect nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from gridwatch_rules.failures import GridwatchError

T = TypeVar("T")


class UnreadableRecordError(GridwatchError):
    """A record that cannot be read. `place` says where it lies, `reason` what is wrong with it; it is left as it is.

    It is not a PermanentError, which stands for a refused request to AWS and leads to a refused trial.
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
    """Ignore an unreadable record, for callers that have nobody to tell."""


def if_readable(read: Callable[[], T | None]) -> T | None:
    """The result of `read`; None for a record that cannot be read, so that one record does not stop a loop."""
    try:
        return read()
    except UnreadableRecordError:
        return None


# What code runs into when a record holds other things than it should, deep inside of what reading it does not check.
DAMAGE = (UnreadableRecordError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(slots=True)
class Isolation:
    """Keeps one bad record from harming the others: code that works on many handles each in a block `each`.

    `broken` holds what could not be done, with the reason, for reporting.
    """

    broken: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def each(self, subject: str) -> Iterator[None]:
        """A block for one record: errors that a damaged record causes end the block and are noted; errors of AWS and
        conflicts are raised.
        """
        try:
            yield
        except DAMAGE as error:
            self.broken[subject] = f"{type(error).__name__}: {error}"[:_LONGEST]


_LONGEST = 1_000
