"""Runs one custom rule over a job's tensors, from the first step, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridwatch_rules.failures import TransientError
from gridwatch_rules.rules.custom.answer import MAX_ANSWER, failed, parse_answer
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.status_change import RuleEvaluation

_PACKAGE = Path(__file__).parents[3]  # the folder that holds the package `gridwatch_rules`
_REQUEST, _ANSWER, _SAID = "request.json", "answer.json", "stderr.txt"
_TRY_AGAIN = 75  # as the child says it
_LAST_WORDS = 500  # bytes of what the process said


@dataclass(frozen=True, slots=True)
class CustomRule:
    """The class `class_name` in `file`, with the parameters its constructor takes."""

    file: Path
    class_name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, parameters: Mapping[str, Any] | None = None) -> CustomRule:
        """The rule that `FILE.py:ClassName` names. Raises RuleConfigurationError when there is no such file."""
        path, _, class_name = text.rpartition(":")
        if not path.endswith(".py") or not class_name.isidentifier():
            raise RuleConfigurationError(f"{text!r} names no custom rule: write FILE.py:ClassName")
        file = Path(path)
        if not file.is_file():
            raise RuleConfigurationError(f"there is no file {path}")
        return cls(file.resolve(), class_name, dict(parameters or {}))


def run_custom_rule(
    rule: CustomRule,
    location: str,
    *,
    ended: bool,
    seconds: float,
    environment: Mapping[str, str],
    opener: str = "gridwatch_rules.tensors.source:open_folder",
    as_deployed: bool = False,
) -> RuleEvaluation:
    """What the rule says of the tensors at `location` (a folder or an s3:// address), replayed from their first step.

    Whatever the rule's code does, raise, hang or crash, is a RuleEvaluation of status Error; after `seconds` the
    process is killed. `environment` is all that the process sees of ours; `opener` names the function with which it
    opens `location` (gridwatch.aws.tensor_source:open_source knows s3:// too); `as_deployed`: it can import what the
    deployed function has, and no more. Status InProgress: it found nothing, and the job goes on. Raises TransientError
    when the tensors cannot be reached.
    """
    request = {
        "file": str(rule.file),
        "class": rule.class_name,
        "parameters": dict(rule.parameters),
        "location": location,
        "ended": ended,
        "opener": opener,
        "as_deployed": as_deployed,
    }
    with tempfile.TemporaryDirectory(prefix="gridwatch-rule-") as folder:
        scratch = Path(folder)
        code = _run(scratch, json.dumps(request), rule.file.parent, environment, seconds)
        if code is None:
            return failed(f"it did not finish within {seconds:g} s")
        answer = scratch / _ANSWER
        if answer.is_file():
            with answer.open("rb") as file:
                return parse_answer(file.read(MAX_ANSWER + 1), rule.class_name)
        if code == _TRY_AGAIN:
            raise TransientError(_last(scratch / _SAID))
        return failed(f"its process ended with code {code}: {_last(scratch / _SAID)}")


def _run(scratch: Path, request: str, folder: Path, environment: Mapping[str, str], seconds: float) -> int | None:
    """The exit code of the process; None when its time was over. Whatever it has started ends with it."""
    paths = [str(_PACKAGE), environment.get("PYTHONPATH", "")]
    (scratch / _REQUEST).write_text(request)
    # Files, not pipes: a process that the rule has left behind would hold a pipe open, and the reader with it.
    with (scratch / _REQUEST).open() as asked, (scratch / _SAID).open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gridwatch_rules.rules.custom.child", str(scratch / _ANSWER)],
            stdin=asked,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**environment, "PYTHONPATH": ":".join(filter(None, paths))},
            cwd=folder,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _last(said: Path) -> str:
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - _LAST_WORDS))
        return file.read().decode(errors="replace").strip()
