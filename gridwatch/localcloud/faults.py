"""Faults on purpose: calls of functions that are refused, fail, are lost or kill their caller, and events that come
more than once, late, in another order or never. There are none unless asked for; they are drawn from a seed.

The caller is always a Lambda function: tests and people read and write undisturbed.
"""

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class Fault(StrEnum):
    """What happens to one call."""

    THROTTLE = "throttle"  # refused as too fast, and not done
    FAIL = "fail"  # an internal error, and not done
    LOST = "lost"  # done, but the answer is an internal error
    KILL = "kill"  # the calling function dies, and it is not done
    KILL_AFTER = "kill-after"  # the calling function dies when it is done
    DOUBLE = "double"  # done twice, as a queue may deliver a message


class FaultError(ValueError):
    """The document does not describe faults; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class CallFault:
    """A fault of calls. ``operation``: service and operation as in ``sns:Publish``, with ``*`` and ``?``; for S3 the
    HTTP method, for Batch and Lambda the end of the path.
    """

    operation: str
    fault: Fault
    share: float


@dataclass(frozen=True, slots=True)
class EventFaults:
    """Faults of events. ``lost``: the share of events that reach nobody. The others come 1 to ``copies`` times, each up
    to ``delay`` seconds late, and so in another order.
    """

    lost: float = 0.0
    copies: int = 1
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Faults:
    calls: tuple[CallFault, ...] = ()
    events: EventFaults = EventFaults()
    seed: int = 0

    @classmethod
    def from_document(cls, document: object) -> "Faults":
        """The plan in a document such as ``{"seed": 1, "calls": [{"operation": "sns:*", "fault": "throttle", "share":
        0.2}], "events": {…}}``.

        Raises FaultError.
        """
        known = _fields(document, cls, "faults")
        calls = known.get("calls", [])
        if not isinstance(calls, Sequence) or isinstance(calls, str):
            raise FaultError("calls: a list is needed")
        return cls(
            tuple(_call(call, f"calls[{index}]") for index, call in enumerate(calls)),
            _events(known.get("events", {})),
            int(known.get("seed", 0)),
        )


class FaultPlan:
    """Draws the next faults. ``injected`` counts those that happened, by operation and fault; events are operation
    ``event``.
    """

    def __init__(self, faults: Faults) -> None:
        self.injected: Counter[tuple[str, str]] = Counter()
        self._faults = faults
        self._chance = random.Random(faults.seed)  # noqa: S311  a story, no secret
        self._lock = threading.Lock()

    def of_call(self, operation: str) -> Fault | None:
        """The fault of a call: the first of those set for the operation that chance chooses."""
        with self._lock:
            for each in self._faults.calls:
                if fnmatchcase(operation, each.operation) and self._chance.random() < each.share:
                    self.injected[operation, each.fault] += 1
                    return each.fault
        return None

    def of_event(self) -> list[float]:
        """The delays of an event in seconds, one for each time that it arrives."""
        events = self._faults.events
        with self._lock:
            if self._chance.random() < events.lost:
                self.injected["event", "lost"] += 1
                return []
            delays = [self._chance.uniform(0, events.delay) for _ in range(self._chance.randint(1, events.copies))]
            self.injected["event", "copied"] += len(delays) - 1
        return delays


def _call(document: object, where: str) -> CallFault:
    known = _fields(document, CallFault, where)
    missing = [field.name for field in fields(CallFault) if field.name not in known]
    if missing:
        raise FaultError(f"{where}: {', '.join(missing)} missing")
    if known["fault"] not in set(Fault):
        raise FaultError(f"{where}.fault: {known['fault']!r} is none of {', '.join(Fault)}")
    return CallFault(str(known["operation"]), Fault(known["fault"]), _share(known["share"], f"{where}.share"))


def _events(document: object) -> EventFaults:
    known = _fields(document, EventFaults, "events")
    copies = int(known.get("copies", 1))
    if copies < 1:
        raise FaultError("events.copies: at least 1; lost is the share of those that never come")
    return EventFaults(_share(known.get("lost", 0.0), "events.lost"), copies, float(known.get("delay", 0.0)))


def _fields(document: object, kind: type[Any], where: str) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise FaultError(f"{where}: an object is needed")
    names = [field.name for field in fields(kind)]
    unknown = sorted(set(document) - set(names))
    if unknown:
        raise FaultError(f"{where}: {', '.join(unknown)} unknown; there are {', '.join(names)}")
    return document


def _share(value: object, where: str) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise FaultError(f"{where}: {value!r} is no share: from 0 to 1")
    return float(value)
