"""Where the bytes of a channel come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class DataFile(NamedTuple):
    """One object of a channel; `key` as its source knows it, `size` in bytes."""

    key: str
    size: int

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[-1]


class DataSource(Protocol):
    """Where a channel's bytes come from: a local path, or S3."""

    def files(self) -> Sequence[DataFile]:
        """Every object of the channel, in order. Raises OSError or GridwatchError when it cannot be listed."""
        ...

    def read(self, key: str, start: int, length: int) -> bytes:
        """Fewer bytes where the object ends early. Raises OSError or GridwatchError."""
        ...
