"""The guard: a tiny process that ends everything the local cloud started when the local cloud is gone.

The cloud writes one line per process that it starts or has seen end; when the pipe closes (also after SIGKILL of
the cloud, on any Unix) the guard kills what is left and removes the scratch folder. PR_SET_PDEATHSIG would be shorter,
but it fires when the *thread* that started a child ends, and jobs are started from threads.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path


class Guard:
    """The cloud's end of the pipe. Lines: ``+group PID``, ``+process PID``, ``-PID``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    @classmethod
    def start(cls, scratch: Path) -> "Guard":
        """Start the guard in a session of its own, so that no signal to the cloud's group reaches it."""
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(Path(__file__)), str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        return cls(process)

    def watch_group(self, pid: int) -> None:
        """Kill the whole process group ``pid`` when the cloud is gone."""
        self._write(f"+group {pid}\n")

    def watch_process(self, pid: int) -> None:
        """Kill the one process ``pid`` when the cloud is gone."""
        self._write(f"+process {pid}\n")

    def forget(self, pid: int) -> None:
        """Stop watching ``pid``, which has ended and was reaped; its number may be used again by somebody else."""
        self._write(f"-{pid}\n")

    def close(self) -> None:
        """Let the guard end what is left, and wait for it."""
        with self._lock, suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)

    def _write(self, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            if self._process.stdin:
                self._process.stdin.write(line)
                self._process.stdin.flush()


def _watch(scratch: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    alive: dict[int, str] = {}
    for line in sys.stdin:
        words = line.split()
        if line.startswith("+") and len(words) == 2:
            alive[int(words[1])] = words[0][1:]
        elif line.startswith("-"):
            alive.pop(int(line[1:]), None)
    for pid, kind in alive.items():
        with suppress(OSError):
            (os.killpg if kind == "group" else os.kill)(pid, signal.SIGKILL)
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    _watch(sys.argv[1])
