"""What should happen next when the world says no. Adapters translate foreign errors into these; handlers act on them.

PermanentError: doing the same again cannot help: record it, tell people, do not retry.
TransientError: may pass by itself: raise it, so that whoever called the function tries again.
NotYetError:    a quota or missing capacity: not a fault; wait for as long as it takes, without using up retries.
"""

from __future__ import annotations


class GridwatchError(Exception):
    """`code` is the foreign service's own name of the error, for logs and records."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class PermanentError(GridwatchError):
    """The request itself is refused."""


class NotFoundError(PermanentError):
    """What was asked for is not there."""


class NameTakenError(PermanentError):
    """Something of that name exists already."""


class TransientError(GridwatchError):
    """The service is unwell or cannot be reached."""


class ThrottledError(TransientError):
    """Too many requests: slow down."""


class NotYetError(GridwatchError):
    """A quota is used up or capacity is missing."""
