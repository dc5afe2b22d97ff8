"""The record of which permissions calls have used, and of which calls were refused."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One action on one resource pattern that a role's policy allows; `condition` is JSON, empty without one."""

    role: str
    action: str
    resource: str
    condition: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    principal: str
    action: str
    resource: str
    reason: str


class Ledger:
    """The counts since the start or the last `forget`; safe to use from any thread.

    A grant is *used* by every call that it allows, and *needed* by those that nothing else allows: without it they
    would have been refused.
    """

    def __init__(self) -> None:
        self._used: Counter[Grant] = Counter()
        self._needed: Counter[Grant] = Counter()
        self._refused: Counter[Refusal] = Counter()
        self._lock = threading.Lock()

    def allowed(self, grants: Iterable[Grant]) -> None:
        """Count a call that all of these grants allow."""
        found = set(grants)
        with self._lock:
            self._used.update(found)
            if len(found) == 1:
                self._needed.update(found)

    def refused(self, refusal: Refusal) -> None:
        with self._lock:
            self._refused[refusal] += 1

    def forget(self) -> None:
        with self._lock:
            for counts in (self._used, self._needed, self._refused):
                counts.clear()

    def report(self, granted: Iterable[Grant]) -> dict[str, Any]:
        """Every grant there is with how often it was used and needed, and every refusal, as JSON has them."""
        with self._lock:
            return {
                "granted": [
                    {**asdict(grant), "used": self._used[grant], "needed": self._needed[grant]}
                    for grant in sorted(set(granted))
                ],
                "refused": [{**asdict(refusal), "count": count} for refusal, count in sorted(self._refused.items())],
            }
