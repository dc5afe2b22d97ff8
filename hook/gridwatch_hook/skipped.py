"""Keeps the index entries that were written only under a later step's `earlier`, until closing gives each an object of
its own.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator

from gridwatch_hook.batch import IndexEntry

_IN_MEMORY = 4 * 1024 * 1024  # bytes; the rest goes to a temporary file, so that memory does not grow with the job


class SkippedEntries:
    """A list of index entries that one thread appends to and that is read once at the end."""

    def __init__(self) -> None:
        self._file: tempfile.SpooledTemporaryFile[str] | None = None
        self.count = 0

    def add(self, entries: tuple[IndexEntry, ...]) -> None:
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, mode="w+", encoding="utf-8")  # noqa: SIM115
        for entry in entries:
            self._file.write(json.dumps([entry.step, entry.content], separators=(",", ":")) + "\n")
        self.count += len(entries)

    def drain(self) -> Iterator[IndexEntry]:
        """Yield every entry once, in the order added. Nothing may be added afterwards."""
        if self._file is None:
            return
        self._file.seek(0)
        for line in self._file:
            step, content = json.loads(line)
            yield IndexEntry(step, content)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
