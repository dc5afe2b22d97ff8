"""A process in a session of its own, with its log read line by line."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gridwatch.localcloud.guard import Guard

_TAIL_LINES = 20


class JobProcess:
    """A running command. ``on_line`` is called from one reader thread, in the log's order."""

    def __init__(self, process: subprocess.Popen[str], guard: Guard, on_line: Callable[[str], None]) -> None:
        self._process = process
        self._guard = guard
        self._on_line = on_line
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._reader = threading.Thread(target=self._read, name=f"log-{process.pid}", daemon=True)

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        guard: Guard,
        on_line: Callable[[str], None],
        stdin: str | None = None,
    ) -> "JobProcess":
        """Start ``command``; ``stdin`` is written to it at once and closed."""
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        guard.watch_group(process.pid)
        job = cls(process, guard, on_line)
        job._reader.start()
        if stdin is not None and process.stdin:
            with suppress(BrokenPipeError):
                process.stdin.write(stdin)
                process.stdin.close()
        return job

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + signal for one that a signal ended."""
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds``; True when the process has ended."""
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def terminate(self) -> None:
        """SIGTERM to the first process alone, as a container's stop does."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def finish(self) -> int:
        """End whatever is left of the group, read the log to its end, and return the exit code (128 + signal)."""
        self.kill()
        code = self._process.wait()
        self._guard.forget(self._process.pid)
        self._reader.join(timeout=5)
        return code if code >= 0 else 128 - code

    def _read(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout:
            for line in self._process.stdout:
                text = line.rstrip("\r\n")
                self.tail.append(text)
                self._on_line(text)
