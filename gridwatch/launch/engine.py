"""Decides who evaluates the rules of an experiment's jobs: Gridwatch, or SageMaker Debugger with Gridwatch beside it.

Debugger gets the rules that it has; Gridwatch evaluates the others, on the tensors that Debugger's hook saves. So
nothing is launched without a rule that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gridwatch.domain.rules import RulePolicy
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.evaluators import BUILT_IN, evaluator_image
from gridwatch.launch.images import UnknownRegionError
from gridwatch.launch.parts.managed import is_managed, outside_places
from gridwatch.spec.checks.engine import debugger_conflicts
from gridwatch.spec.debugger_rules import unknown_to_debugger
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem
from gridwatch.spec.rule_actions import ACTIONS, MAX_TEXT, with_job_name

MAX_RULES = 20  # of each kind; CreateTrainingJob
MAX_COLLECTIONS = 20
_LONGEST_NAME = "n" * 63
_FIELDS: Mapping[str, Path] = {
    "DebugRuleConfigurations": ("rules",),
    "ProfilerRuleConfigurations": ("rules",),
    "CollectionConfigurations": ("collect",),
    "HookParameters": ("debugger", "hook_parameters"),
}


def divided(spec: ExperimentSpec, policies: Sequence[RulePolicy]) -> tuple[RulePolicy, ...]:
    """The rules in their order, each marked if Debugger evaluates it."""
    own = len(spec.rules)
    return tuple(
        replace(policy, managed=index >= own or is_managed(spec.rules[index])) for index, policy in enumerate(policies)
    )


def engine_of(spec: ExperimentSpec, deployment: Deployment) -> tuple[str, list[Problem]]:
    """The engine, with what its user must be told. Raises UnknownRegionError where Debugger is asked for and not
    available.
    """
    if spec.engine != "auto":
        if spec.engine == "debugger":
            evaluator_image(BUILT_IN, deployment.region)
        return spec.engine, []
    if any(True for _ in debugger_conflicts(spec)):
        return "gridwatch", []  # the spec's own warnings tell why
    try:
        evaluator_image(BUILT_IN, deployment.region)
    except UnknownRegionError as error:
        return "gridwatch", [Problem(path=("engine",), message=f"Gridwatch evaluates the rules: {error}")]
    return "auto", []


def own_fields(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template's fields for Gridwatch's own engine, which replace Debugger's. The channels are among them, because
    Gridwatch's hook comes by one.
    """
    return {name: template[name] for name in ("Environment", "ProfilerConfig", "InputDataConfig") if name in template}


def unmanaged(policies: Sequence[RulePolicy]) -> tuple[RulePolicy, ...]:
    return tuple(replace(policy, managed=False) for policy in policies)


def over_limits(template: Mapping[str, Any]) -> Iterator[Problem]:
    """The limits that a request with Debugger's fields exceeds."""
    hook = template["DebugHookConfig"]
    counted = {
        "CollectionConfigurations": (len(hook.get("CollectionConfigurations", ())), MAX_COLLECTIONS),
        "HookParameters": (len(hook.get("HookParameters", ())), 20),
        "DebugRuleConfigurations": (len(template.get("DebugRuleConfigurations", ())), MAX_RULES),
        "ProfilerRuleConfigurations": (len(template.get("ProfilerRuleConfigurations", ())), MAX_RULES),
    }
    for name, (count, limit) in counted.items():
        if count > limit:
            message = f"Debugger takes at most {limit} {name} in a job"
            yield Problem(path=_FIELDS[name], message=message, found=str(count), advice="engine: gridwatch")
    rules = [*template.get("DebugRuleConfigurations", ()), *template.get("ProfilerRuleConfigurations", ())]
    for rule in rules:
        for name, value in rule.get("RuleParameters", {}).items():
            # A job's name comes into its actions when it is created.
            longest = with_job_name(value, _LONGEST_NAME) if name == ACTIONS else value
            if len(longest) > MAX_TEXT:
                message = f"{rule['RuleConfigurationName']}: {name} is longer than the {MAX_TEXT} that Debugger takes"
                yield Problem(path=("rules",), message=message, found=f"{len(longest)} characters")


def told_of_debugger(spec: ExperimentSpec, policies: Sequence[RulePolicy]) -> Iterator[Problem]:
    """Notes about everything that is done differently from what the spec's words might suggest."""
    for index, (use, policy) in enumerate(zip(spec.rules, policies, strict=False)):
        if policy.managed:
            continue
        reason = "it names no evaluator" if use.source else unknown_to_debugger(use.rule_class, use.all_parameters)
        message = f"Gridwatch evaluates {use.title} beside Debugger: {reason}"
        yield Problem(path=("rules", index), message=message)
    if spec.resources.role is None and (places := outside_places(spec)):
        message = f"{', '.join(dict.fromkeys(places))}: the deployment's role writes to its own bucket instead"
        yield Problem(path=("debugger", "configuration"), message=message, advice="name a role that may (resources)")
