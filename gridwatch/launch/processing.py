"""Checks the processing instances that SageMaker Debugger's rules take, before anything of a grid is launched.

Each rule of a job is evaluated by a processing job on an instance of its own, which counts against the account's quota
of instances across all processing jobs (four on a fresh account). A job whose rules do not fit is refused by
CreateTrainingJob with ResourceLimitExceeded, as if it only had to wait.
"""

from __future__ import annotations

from dataclasses import replace

from gridwatch.launch.plan import Plan
from gridwatch.launch.ports import Quota
from gridwatch.launch.request import managed_rules
from gridwatch.spec.parse import ParsedSpec
from gridwatch.spec.problems import Problem
from gridwatch_rules.wording import counted

_RULES = ("rules",)
_PARALLEL = ("limits", "parallel_jobs")


def within_processing_quota(parsed: ParsedSpec, plan: Plan, quota: Quota) -> Plan:
    """The plan with as many parallel jobs as the quota has room for, and a warning that says so.

    The quota is read only when jobs have such rules. When not even one job fits, it would wait for ever: with the
    engine `auto` Gridwatch evaluates the rules, else SpecError is raised.
    """
    rules = managed_rules(plan.template)
    if not rules:
        return plan
    allowed = quota()
    instances = counted(rules, "processing instance")
    takes = f"SageMaker's own Debugger evaluates {counted(rules, 'rule')} of each job on {instances}"
    if allowed is not None and rules > allowed:
        message = f"{takes}, and the account may have {allowed}: no job could ever start"
        if plan.engine == "auto":
            told = f"{takes}, and the account may have {allowed}: Gridwatch evaluates them itself"
            return plan.without_debugger(Problem(path=_RULES, message=told))
        advice = "engine: gridwatch or auto, whose rules take none, or have the quota L-F311B08F raised"
        raise parsed.refuse([Problem(path=_RULES, message=message, allowed=f"{allowed} in all", advice=advice)])
    at_once = min(plan.parallel_jobs, allowed // rules) if allowed is not None else plan.parallel_jobs
    return replace(plan, parallel_jobs=at_once, warnings=(*plan.warnings, _told(plan, takes, rules, allowed, at_once)))


def _told(plan: Plan, takes: str, rules: int, allowed: int | None, at_once: int) -> Problem:
    needed = f"{takes}, {rules * plan.parallel_jobs} for {plan.parallel_jobs} jobs at one time"
    if allowed is None:
        message = f"{needed}; how many the account may have is not known here (Service Quotas, L-F311B08F)"
    elif at_once < plan.parallel_jobs:
        message = f"{needed}; the account may have {allowed}, so at most {at_once} jobs run at one time"
    else:
        message = f"{needed}, of {allowed} that the account may have"
    return Problem(path=_PARALLEL, message=message)
