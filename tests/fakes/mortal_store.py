"""A store whose caller dies after some calls, even in the middle of a write of several records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gridwatch.domain.trials import TrialRecord
from gridwatch.state.memory import MemoryStore


class KilledError(BaseException):
    """Ends the process: nothing may catch it."""


class MortalStore(MemoryStore):
    """Reads and writes the records of `inner`; after `calls` calls, the next one kills."""

    def __init__(self, inner: MemoryStore, calls: int) -> None:
        super().__init__()
        self._calls = calls
        self.__dict__.update(inner.__dict__)

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        return self._counted(name, found) if callable(found) and not name.startswith("_") else found

    def _counted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._calls -= 1
            if self._calls < 0:
                if name == "add_trials":
                    self._add_half(*arguments)
                raise KilledError
            return method(*arguments, **named)

        return call

    def _add_half(self, trials: Iterable[TrialRecord]) -> None:
        listed = list(trials)
        MemoryStore.add_trials(self, listed[: len(listed) // 2])
