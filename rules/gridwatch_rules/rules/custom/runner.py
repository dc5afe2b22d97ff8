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
_TRY_AGAIN = 75  # the child's exit code for this
_LAST_WORDS = 500  # bytes of the process's output that are kept


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A custom rule: the class `class_name` in `file`, with the parameters for its constructor."""

    file: Path
    class_name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, parameters: Mapping[str, Any] | None = None) -> CustomRule:
        """Parse `FILE.py:ClassName`. Raises RuleConfigurationError when there is no such file."""
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
    """Evaluate the rule on the tensors at `location` (a folder or an s3:// address), from their first step.

    When the rule's code raises, hangs or crashes, the RuleEvaluation has status Error; after `seconds` the process is
    killed. `environment` is the process's whole environment. `opener` names the function with which it opens `location`
    (gridwatch.aws.tensor_source:open_source opens s3:// too). With `as_deployed` it can import only what the deployed
    function has. Status InProgress means that the rule found nothing and the job goes on. Raises TransientError when
    the tensors cannot be reached.
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
    """Run the process and return its exit code, or None when it ran out of time. Processes that it has started end with
    it.
    """
    paths = [str(_PACKAGE), environment.get("PYTHONPATH", "")]
    (scratch / _REQUEST).write_text(request)
    # Files are used, because a process that the rule left behind would hold a pipe open and block its reader.
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
