"""Confines a function's process to what Lambda would give it: its memory, and a share of a processor by its memory.

Lambda gives a function one processor at 1,769 MB and less in proportion (developer guide, "Configuring memory"). Here
the process is stopped and continued so that it computes no more than that, from its start on, which Lambda does faster.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

WHOLE = 1_769  # MB of a function that has one processor
_SLICE = 0.02  # seconds between two looks
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def is_possible() -> bool:
    """Whether this machine says what a process uses."""
    return Path("/proc/self/statm").exists()


@dataclass(slots=True)
class Confinement:
    """The confinement of one invocation. `exceeded`: the process was ended, because it needed more than its memory."""

    megabytes: int
    exceeded: bool = False


@contextmanager
def confined(process: Callable[[], int | None], megabytes: int) -> Iterator[Confinement]:
    """Confine a process while the block runs; `process` says which, once there is one."""
    confinement, over = Confinement(megabytes), threading.Event()
    watcher = threading.Thread(target=_watch, args=(process, confinement, over), daemon=True)
    watcher.start()
    try:
        yield confinement
    finally:
        over.set()
        watcher.join()


def _watch(process: Callable[[], int | None], confinement: Confinement, over: threading.Event) -> None:
    share = confinement.megabytes / WHOLE
    watched, began, before = None, 0.0, 0.0
    while not over.is_set():
        now, number = time.monotonic(), process()
        try:
            if number is not None and number != watched:
                watched, began, before = number, now, _seconds(number)
            if watched is not None and _megabytes(watched) > confinement.megabytes:
                confinement.exceeded = True
                os.kill(watched, signal.SIGKILL)
                return
            if watched is not None:
                ahead = _seconds(watched) - before > share * (now - began)
                os.kill(watched, signal.SIGSTOP if ahead else signal.SIGCONT)
        except (ProcessLookupError, FileNotFoundError):
            watched = None  # it has ended
        over.wait(_SLICE)
    if watched is not None:
        with suppress(ProcessLookupError):
            os.kill(watched, signal.SIGCONT)


def _seconds(process: int) -> float:
    """The processor time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _megabytes(process: int) -> float:
    """The memory that a process has in use."""
    return int(Path(f"/proc/{process}/statm").read_text(encoding="utf-8").split()[1]) * _PAGE / 2**20
