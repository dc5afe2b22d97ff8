"""Claims the place of a rank among the processes of this host, so that of several that begin at once one alone writes.

A heartbeat tells who writes already. It cannot tell who is about to: processes that look at one instant find no one.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any


class Claim:
    """The claim of this process, which the system gives up with the process; a forked child has none of it."""

    def __init__(self) -> None:
        self._file: Any = None

    def take(self, place: str, rank: int) -> bool:
        """Whether the place is this process's now. Where nobody can tell, it is."""
        name = hashlib.sha256(f"{place}\0{rank}".encode()).hexdigest()[:24]
        try:
            import fcntl  # noqa: PLC0415  (Windows has none)

            path = Path(tempfile.gettempdir(), f"gridwatch-{name}.lock")
            self._file = path.open("a")  # it is held as long as the process writes
        except (ImportError, OSError):
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.give_up()
            return not isinstance(error, BlockingIOError | PermissionError)
        return True

    def give_up(self) -> None:
        """Let another process have the place."""
        held, self._file = self._file, None
        if held is not None:
            held.close()
