"""Errors that say what should happen next. Adapters translate other libraries' errors into these; handlers act on them.

PermanentError: doing the same again cannot help. Record it and inform people; do not retry.
TransientError: the fault may pass by itself. Raise it, so that the function's caller tries again.
NotYetError:    a quota is used up or capacity is missing. Wait as long as it takes, without using up retries.
"""

from __future__ import annotations


class GridwatchError(Exception):
    """The base of these errors. `code` is the service's own name for the error, for logs and records."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class PermanentError(GridwatchError):
    """The request itself is refused, so that repeating it cannot help."""


class NotFoundError(PermanentError):
    """The requested object does not exist."""


class NameTakenError(PermanentError):
    """An object of that name exists already."""


class TransientError(GridwatchError):
    """The service is unwell or cannot be reached."""


class ThrottledError(TransientError):
    """There were too many requests; the caller must slow down."""


class NotYetError(GridwatchError):
    """A quota is used up or capacity is missing."""
