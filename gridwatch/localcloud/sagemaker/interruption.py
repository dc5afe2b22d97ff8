"""Interruptions: a job loses its machines, because spot capacity is wanted elsewhere or by a fault of the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CAUSES = ("spot", "internal-error")


class InterruptionError(ValueError):
    """The document describes no interruption; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """An interruption. ``capacity_after``: seconds until there are machines again; None: never."""

    cause: str = "spot"
    capacity_after: float | None = 0.5

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Interruption":
        """The interruption in a document such as ``{"cause": "spot", "capacity_after": 2}``; both may be missing.
        Raises InterruptionError.
        """
        unknown = sorted(set(document) - {"cause", "capacity_after"})
        if unknown:
            raise InterruptionError(f"{', '.join(unknown)} unknown; there are cause and capacity_after")
        cause = document.get("cause", "spot")
        if cause not in _CAUSES:
            raise InterruptionError(f"cause: {cause!r} is none of {', '.join(_CAUSES)}")
        after = document.get("capacity_after", cls().capacity_after)
        if after is not None and (isinstance(after, bool) or not isinstance(after, int | float) or after < 0):
            raise InterruptionError(f"capacity_after: {after!r} is no number of seconds, nor null for never")
        return cls(cause, after)
