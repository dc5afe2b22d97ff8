"""Runs a training on this machine and watches it: the script stays as it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from gridwatch_hook.carrier.build import carry


def run(command: Sequence[str], config: Mapping[str, Any]) -> int:
    """Run a script (`train.py …`) or a command (`torchrun … train.py`), and return its exit code.

    The carrier is first on PYTHONPATH, so that every process of the command finds it. Raises ConfigError.
    """
    words = [sys.executable, *command] if command[0].endswith(".py") else list(command)
    with tempfile.TemporaryDirectory(prefix="gridwatch-") as folder:
        carry(Path(folder), config)
        former = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([folder, former] if former else [folder])
        process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path})
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _forward(process))
        code = process.wait()
    return code if code >= 0 else 128 - code


def _forward(process: subprocess.Popen[bytes]) -> Any:
    def forward(number: int, _: FrameType | None) -> None:
        if process.poll() is None:
            process.send_signal(number)

    return forward
