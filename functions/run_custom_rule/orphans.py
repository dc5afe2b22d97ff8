"""Ends processes that a rule has left behind: this process adopts them, and ends them before another rule runs.

Ending a process group is not enough: a process can leave it, and Lambda keeps it for the next invocation, whose rule
may be another author's. Only Linux can do this; elsewhere such processes stay.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_SET_CHILD_SUBREAPER = 36  # prctl(2): orphans below this process become its children
_ROUNDS = 1_000  # so that what begins processes faster than they are ended does not keep the function for ever


@contextlib.contextmanager
def none_left_behind() -> Iterator[None]:
    """A block at whose end processes that were started inside and still run are killed. Nothing else may start
    processes meanwhile.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = _children()
    try:
        yield
    finally:
        for _ in range(_ROUNDS):  # the death of one makes its own children ours
            left = _children() - before
            for process in left:
                _end(process)
            if not left:
                break


def _children() -> set[int]:
    """The child processes, including those that ended and were not waited for."""
    return {int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if _parent(stat) == os.getpid()}


def _parent(stat: Path) -> int | None:
    """The parent in /proc/PID/stat (proc(5)): the name, in brackets, may hold anything; then come the state and the
    parent.
    """
    try:
        return int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None  # it has just ended


def _end(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
