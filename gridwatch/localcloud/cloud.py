"""The local cloud as a child process, for tests, the command line and the demo."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[2]


class LocalCloudError(Exception):
    """The local cloud did not start; the message contains its output."""


@dataclass(slots=True)
class LocalCloud:
    """A running local cloud. It ends when ``stop`` is called or this process ends, whatever way it ends."""

    endpoint: str
    region: str
    account: str
    _process: subprocess.Popen[bytes]
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Of the stacks that ``--template`` deployed."""

    @classmethod
    def start(
        cls, *, port: int = 0, state_dir: Path | None = None, images: Path | None = None, python: str | None = None,
        options: Sequence[str] = (), timeout: float = 60.0,
    ) -> "LocalCloud":  # fmt: skip
        """Start it and wait until it answers; ``options`` go to its own command. Raises LocalCloudError."""
        command = [
            python or sys.executable,
            "-m",
            "gridwatch.localcloud",
            "--port",
            str(port),
            "--follow-stdin",
            *options,
        ]
        command += ["--state-dir", str(state_dir)] if state_dir else []
        command += ["--images", str(images)] if images else []
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
        )  # fmt: skip
        ready = _ready_line(process, timeout)
        return cls(ready["endpoint"], ready["region"], ready["account"], process, ready.get("outputs", {}))

    @property
    def pid(self) -> int:
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """Variables that point any AWS client (SDK, CLI) at this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def complaints(self) -> Iterator[str]:
        """The cloud's warnings on standard error while it runs, which should not be seen in a log alone."""
        with suppress(OSError, ValueError):  # it was stopped while somebody listened
            for line in self._process.stderr or ():
                yield line.decode(errors="replace").rstrip().removeprefix("localcloud: ")

    def wait(self) -> int:
        """Block until the cloud has ended, whoever ended it; returns its exit code."""
        return self._process.wait()

    def stop(self, timeout: float = 15.0) -> None:
        """End the cloud and everything that it started; safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _ready_line(process: subprocess.Popen[bytes], timeout: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    if process.stdout is None or process.stderr is None:
        raise LocalCloudError("no pipe to the local cloud")
    while time.monotonic() < deadline and process.poll() is None:
        if select.select([process.stdout], [], [], 0.2)[0]:
            line = process.stdout.readline()
            if line.startswith(b"{"):
                ready: dict[str, Any] = json.loads(line)
                return ready
            if not line:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
                break
    ended = process.poll() is not None
    process.kill()
    said = process.communicate()[1].decode(errors="replace").strip().removeprefix("localcloud: ")
    within = "" if ended else f" within {timeout:.0f} s"
    raise LocalCloudError(f"the local cloud did not start{within}: {said or 'it said nothing'}")
