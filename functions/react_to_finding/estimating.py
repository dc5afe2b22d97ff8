"""Estimates what a stop saves without holding up what must be done: it may fail, and it may be given up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gridwatch.domain.savings import SavingsRecord

T = TypeVar("T")
LONGEST = 10.0  # seconds that an estimate may take; most take a tenth of one


@dataclass(frozen=True, slots=True)
class Saved:
    """The savings of a stop, or the error for which they are not known. Both are None for a job that has not begun."""

    record: SavingsRecord | None = None
    error: Exception | None = None


def saved_by(estimate: Callable[[], SavingsRecord | None], *, seconds: float) -> Saved:
    """What `estimate` says within the seconds that are left, and within its own limit."""
    try:
        return Saved(within(min(LONGEST, seconds), estimate))
    except Exception as error:  # noqa: BLE001  a figure that is missing, whatever the reason, harms nothing else
        return Saved(error=error)


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`, or its error. Raises TimeoutError when it takes longer: it then goes on in its own thread,
    and its result is dropped.
    """
    if seconds <= 0:
        raise TimeoutError("no time was left for it")
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  raised below, in the thread that asked for it
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"it took longer than {seconds:.3g} s")
    return results[0]
