"""Runs one custom rule over a job's tensors, from the first step, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridwatch.rules.errors import RuleConfigurationError
from gridwatch.rules.evaluation import RuleEvaluation
from gridwatch.rules.finding import Finding
from gridwatch.verdicts.status import RuleStatus

_PACKAGE = Path(__file__).parents[3]  # the folder that holds the package `gridwatch`
_LONGEST_DETAILS = 1024


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
    opener: str = "gridwatch.tensors.source:open_folder",
) -> RuleEvaluation:
    """What the rule says of the tensors at `location` (a folder or an s3:// address), replayed from their first step.

    Whatever the rule's code does, raise, hang or crash, is a RuleEvaluation of status Error; after `seconds` the
    process is killed. `environment` is all that the process sees of ours; `opener` names the function with which it
    opens `location` (gridwatch.aws.tensor_source:open_source knows s3:// too). Status InProgress: it found nothing,
    and the job goes on.
    """
    request = {
        "file": str(rule.file),
        "class": rule.class_name,
        "parameters": dict(rule.parameters),
        "location": location,
        "ended": ended,
        "opener": opener,
    }
    with tempfile.TemporaryDirectory(prefix="gridwatch-rule-") as scratch:
        answer = Path(scratch) / "answer.json"
        command = [sys.executable, "-P", "-m", "gridwatch.rules.custom.child", str(answer)]
        paths = [str(_PACKAGE), environment.get("PYTHONPATH", "")]
        try:
            finished = subprocess.run(
                command,
                input=json.dumps(request),
                env={**environment, "PYTHONPATH": ":".join(filter(None, paths))},
                cwd=rule.file.parent,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _error(f"it did not finish within {seconds:g} s")
        if not answer.is_file():
            return _error(f"its process ended with code {finished.returncode}: {finished.stderr.strip()[-500:]}")
        return _evaluation(json.loads(answer.read_text()))


def _evaluation(answer: Mapping[str, Any]) -> RuleEvaluation:
    finding = Finding.from_json(answer["finding"]) if answer.get("finding") else None
    return RuleEvaluation(RuleStatus(answer["status"]), answer["details"][:_LONGEST_DETAILS], finding)


def _error(reason: str) -> RuleEvaluation:
    return RuleEvaluation(RuleStatus.ERROR, f"CustomRuleError: {reason}"[:_LONGEST_DETAILS])
