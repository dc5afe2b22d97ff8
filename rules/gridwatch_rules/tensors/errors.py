"""Errors in stored tensors. A tensor that is not written yet is no error: the reader stops before it."""

from __future__ import annotations

from gridwatch_rules.visible import visible_line


class CorruptTensorError(Exception):
    """A file is damaged for good, so that waiting cannot help. The message names the file and what is wrong with it."""

    def __init__(self, key: str, reason: str) -> None:
        # Both may hold text from a file, so characters that a terminal would obey are shown as codes.
        said = visible_line(f"{key} is damaged: {reason}")
        super().__init__(said)
        self.key = key
        self.reason = reason


class MissingEventsError(CorruptTensorError):
    """The index names an events file that does not exist. smdebug treats the step's tensors as not saved."""

    def __init__(self, key: str) -> None:
        super().__init__(key, "the index names it, and it is missing")


class TensorUnavailableError(LookupError):
    """The tensor (or this reduction of it) was not saved at the step asked for."""

    def __init__(self, name: str, step: int, what: str = "tensor") -> None:
        super().__init__(f"{what} {name!r} was not saved at step {step}")
        self.name = name
        self.step = step
