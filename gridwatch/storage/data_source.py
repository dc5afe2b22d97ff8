"""The port through which a channel's bytes are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class DataFile(NamedTuple):
    """One object of a channel; `key` is the name that its source has for it, `size` is in bytes."""

    key: str
    size: int

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[-1]


class DataSource(Protocol):
    """The source of a channel's bytes: a local path, or S3."""

    def files(self) -> Sequence[DataFile]:
        """Every object of the channel, in order. Raises OSError or GridwatchError when it cannot be listed."""
        ...

    def read(self, key: str, start: int, length: int) -> bytes:
        """Bytes of an object; fewer where it ends early. Raises OSError or GridwatchError."""
        ...
