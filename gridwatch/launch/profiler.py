"""The configuration of a training job's profiler, when a rule of its experiment looks at the profile.

The document is the JSON that SageMaker hands to Debugger's profiler (`profilerconfig.json`); Gridwatch's hook reads it
from the environment and samples the machine itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridwatch.domain.rules import RulePolicy
from gridwatch_rules.rules.catalogue import rule_class, rule_names

CONFIG_KEY = "GRIDWATCH_PROFILER_CONFIG"
# Each file of system metrics wakes an evaluation; the rules look at their conditions once a minute.
FILE_SECONDS = 20


def profiler_document(policies: Sequence[RulePolicy]) -> dict[str, Any] | None:
    """The profiler's document; None when no rule needs a profile."""
    from gridwatch_rules.rules.profiler.rule import ProfilerRule  # noqa: PLC0415  for who plans, not for who starts

    here = [policy.rule for policy in policies if policy.source is None and policy.rule in rule_names()]
    if not any(issubclass(rule_class(name), ProfilerRule) for name in here):
        return None
    return {
        "ProfilingIntervalInMilliseconds": 500,
        "ProfilingParameters": {
            "RotateFileCloseIntervalInSeconds": str(FILE_SECONDS),
            "DataloaderProfilingConfig": {"MetricsRegex": ".*"},
        },
    }
