"""UpdateTrainingJob requests that turn Debugger's profiler of a running job on or off, or add rules on the profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridwatch.launch.evaluators import BUILT_IN, evaluator_image
from gridwatch.spec.debugger_rules import DEBUGGER_RULES
from gridwatch.spec.problems import did_you_mean

INTERVALS = (100, 200, 500, 1_000, 5_000, 60_000)  # milliseconds
MAX_RULES = 20


class ProfilerUpdateError(ValueError):
    """The update cannot be made; the message says why and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledJob:
    """The facts of a job that an update depends on: its region, the rules on its profile by name, and where its profile
    goes or would go.
    """

    job_name: str
    region: str
    status: str
    rules: tuple[str, ...]
    place: str


def profiler_update(job: ProfiledJob, *, on: bool | None, interval: int | None, rules: Sequence[str]) -> dict[str, Any]:
    """The UpdateTrainingJob request. `on` None leaves the profiler as it is, but rules need a profile. Raises
    ProfilerUpdateError and UnknownRegionError.
    """
    if job.status != "InProgress":
        raise ProfilerUpdateError(f"{job.job_name} is {job.status}: only a job that is InProgress can be updated")
    if on is False and (rules or interval is not None):
        raise ProfilerUpdateError("rules and an interval are for a profiler that is on")
    if on is None and not rules and interval is None:
        raise ProfilerUpdateError("nothing is asked for: --on, --off, --interval or --rules")
    if interval is not None and interval not in INTERVALS:
        raise ProfilerUpdateError(f"{interval} ms: allowed are {', '.join(map(str, INTERVALS))}")
    _check_rules(job, rules)
    if on is False:
        return {"TrainingJobName": job.job_name, "ProfilerConfig": {"DisableProfiler": True}}
    config = {
        "S3OutputPath": job.place,
        "DisableProfiler": False,
        **({"ProfilingIntervalInMilliseconds": interval} if interval is not None else {}),
    }
    added = [profiler_rule(name, job.region) for name in rules]
    request = {"TrainingJobName": job.job_name, "ProfilerConfig": config}
    return {**request, "ProfilerRuleConfigurations": added} if added else request


def profiler_rule(name: str, region: str) -> dict[str, Any]:
    """One of Debugger's rules on the profile, with its own defaults. Raises UnknownRegionError."""
    return {
        "RuleConfigurationName": name,
        "RuleEvaluatorImage": evaluator_image(BUILT_IN, region),
        "RuleParameters": {"rule_to_invoke": name},
    }


def _check_rules(job: ProfiledJob, rules: Sequence[str]) -> None:
    known = [name for name, rule in DEBUGGER_RULES.items() if rule.profiler]
    for name in rules:
        if name not in known:
            hint = did_you_mean(name, known)
            told = f"; {hint}" if hint else ""
            raise ProfilerUpdateError(f"{name} is no rule of Debugger's profiler: there are {', '.join(known)}{told}")
        if name in job.rules or rules.count(name) > 1:
            raise ProfilerUpdateError(f"{name} looks at {job.job_name} already; rules can only be added")
    if len(job.rules) + len(rules) > MAX_RULES:
        raise ProfilerUpdateError(f"a job has at most {MAX_RULES} rules on its profile")
