"""A fuse that ends a process at its n-th call to a port: before the call has an effect, or right after it."""

from __future__ import annotations

from typing import Any, TypeVar

from tests.fakes.mortal_store import KilledError

P = TypeVar("P")


class Fuse:
    """A fuse that all ports of one invocation share. `after`: the last call is done, but its caller does not see it."""

    def __init__(self, calls: int, *, after: bool) -> None:
        self.left = calls
        self.after = after

    def guard(self, port: P) -> P:
        """The port, with its calls counted."""
        guarded: Any = _Guarded(port, self)
        return guarded


class _Guarded:
    def __init__(self, port: object, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.left -= 1
            if self._fuse.left < 0 and not self._fuse.after:
                raise KilledError
            answer = found(*arguments, **named)
            if self._fuse.left < 0:
                raise KilledError
            return answer

        return call
