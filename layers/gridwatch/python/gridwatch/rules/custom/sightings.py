"""What a user's rule reads of its trial, and asks for in vain: a rule that got nothing has judged nothing."""

from __future__ import annotations

from typing import Any

from gridwatch.rules.custom.trial import Tensor, Trial
from gridwatch.rules.sightings import listed, nothing_seen

_MOST_ASKED = 12


class _Counting:
    """A reader that counts the values that were read through it."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.read = 0

    def value(self, *given: Any, **named: Any) -> Any:
        found = self._reader.value(*given, **named)
        self.read += 1
        return found

    def reduction(self, *given: Any, **named: Any) -> Any:
        found = self._reader.reduction(*given, **named)
        self.read += 1
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class WatchedTrial(Trial):
    """A trial that notes what it was asked for and did not have."""

    def __init__(self, reader: Any, *, ended: bool, name: str = "trial") -> None:
        self._counting = _Counting(reader)
        self._asked: dict[str, None] = {}  # in vain
        super().__init__(self._counting, ended=ended, name=name)
        self._counting.read = 0

    @property
    def saw_nothing(self) -> bool:
        """Whether no value of it was read, although some were asked for or none could be: there were no steps."""
        return not self._counting.read and (bool(self._asked) or not self.steps())

    def told(self, rule: str) -> str:
        """The details of a rule that saw nothing."""
        there = listed(self.tensors())
        steps = len(self.steps())
        held = f"in {steps:,} steps the job saved {there}" if steps else "the job saved no tensors"
        return nothing_seen(rule, listed(self._asked) or "the job's tensors", f"none was there: {held}")

    def note_missing(self, what: str) -> None:
        if len(self._asked) < _MOST_ASKED:
            self._asked[what] = None

    def tensor_names(self, *given: Any, **named: Any) -> list[str]:
        found = super().tensor_names(*given, **named)
        if not found:
            asked = ", ".join(f"{name}={_plain(value)}" for name, value in named.items() if name in _SELECTING)
            self.note_missing(f"tensors of {asked}" if asked else "any tensor")
        return found

    def has_tensor(self, tname: str) -> bool:
        found = super().has_tensor(tname)
        if not found:
            self.note_missing(tname)
        return found

    def tensor(self, tname: str) -> Tensor:
        self.has_tensor(tname)
        return super().tensor(tname)


_SELECTING = ("regex", "collection")


def _plain(value: Any) -> str:
    return str(getattr(value, "name", value))
