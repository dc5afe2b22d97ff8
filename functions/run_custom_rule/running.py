"""Fetches a custom rule's code, runs it in a process of its own, and returns its result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gridwatch.aws.rule_code import fetch_code
from gridwatch.aws.tensor_source import custom_rule_location, open_source
from gridwatch.spec.rule_source import is_allowed
from gridwatch_rules.failures import PermanentError, TransientError
from gridwatch_rules.rules.custom.answer import failed
from gridwatch_rules.rules.custom.run import CustomRun
from gridwatch_rules.rules.custom.runner import CustomRule, run_custom_rule
from gridwatch_rules.rules.status_change import RuleEvaluation
from run_custom_rule.orphans import none_left_behind

_OPENER = f"{open_source.__module__}:{open_source.__name__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRuleRunner:
    """Runs custom rules. `allowed` are the prefixes from which code may run; the function's role has the same."""

    artifacts_bucket: str
    allowed: tuple[str, ...]
    seconds: float
    environment: Mapping[str, str]
    fetch: Callable[[str, Path], Path] = fetch_code
    locate: Callable[[str, str], str] = custom_rule_location

    def run(self, run: CustomRun) -> RuleEvaluation | str:
        """The rule's result, replayed from the job's first step; a text when it could not be run now, saying why."""
        if not is_allowed(run.source, self.allowed):
            return failed(f"this deployment does not run code from {run.source}")
        with tempfile.TemporaryDirectory(prefix="gridwatch-code-") as folder:
            try:
                file = self.fetch(run.source, Path(folder))
            except TransientError as error:
                return str(error)
            except PermanentError as error:
                return failed(f"{run.source} cannot be read: {error.code or error}")
            try:
                with none_left_behind():
                    return self._judged(file, run)
            except TransientError as error:
                return str(error)

    def _judged(self, file: Path, run: CustomRun) -> RuleEvaluation:
        return run_custom_rule(
            CustomRule(file, run.class_name, run.parameters),
            self.locate(self.artifacts_bucket, run.job_name),
            ended=run.ended,
            seconds=self.seconds,
            environment=self.environment,
            opener=_OPENER,
        )
