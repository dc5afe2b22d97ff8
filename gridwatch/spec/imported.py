"""Reads a Debugger configuration as Gridwatch understands it: rules, and the collections that are asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gridwatch.spec.model import ExperimentSpec, RuleUse
from gridwatch.spec.problems import Problem
from gridwatch.spec.rule_actions import ACTIONS

if TYPE_CHECKING:
    from gridwatch.spec.parts.debugger import RuleConfiguration

INVOKED, SOURCE = "rule_to_invoke", "source_s3_uri"
_CHOOSING = ("AllZero", "TensorVariance", "UnchangedTensor")
_OTHER = re.compile(r"other_trial_\d+")


def rule_uses(spec: ExperimentSpec) -> list[RuleUse]:
    """All rules of a spec: its own, and after them those of Debugger's configuration."""
    return [*spec.rules, *imported_rules(spec)]


def imported_rules(spec: ExperimentSpec) -> list[RuleUse]:
    """The rules of Debugger's configuration in the form of a spec's. A name that is no rule of Debugger's is kept."""
    configuration = spec.debugger.configuration
    return [_use(spec, rule) for rule in configuration.all_rules] if configuration else []


def placed(spec: ExperimentSpec, problem: Problem) -> Problem:
    """A problem of one of `rule_uses`, given by its index, at the place where the spec has that rule."""
    index = problem.path[1] if len(problem.path) > 1 and problem.path[0] == "rules" else None
    imported = isinstance(index, int) and index >= len(spec.rules)
    return replace(problem, path=("debugger", "configuration")) if imported else problem


def asked_collections(spec: ExperimentSpec) -> dict[str, dict[str, str]]:
    """The CollectionParameters by name, as Debugger's configuration has them."""
    configuration = spec.debugger.configuration
    if configuration is None or configuration.hook is None:
        return {}
    return {each.name: dict(each.parameters) for each in configuration.hook.collections}


def asked_hook_parameters(spec: ExperimentSpec) -> dict[str, str]:
    """The HookParameters; the spec's own setting overrides the configuration's."""
    configuration = spec.debugger.configuration
    imported = configuration.hook.hook_parameters if configuration and configuration.hook else {}
    return {**imported, **spec.debugger.hook_parameters}


def _use(spec: ExperimentSpec, rule: RuleConfiguration) -> RuleUse:
    parameters = rule.parameters
    invoked = parameters.get(INVOKED, rule.name)
    others = [value for name, value in sorted(parameters.items()) if _OTHER.fullmatch(name)]
    source = parameters.get(SOURCE)
    own = {
        name: value
        for name, value in parameters.items()
        if name not in (INVOKED, SOURCE, ACTIONS) and not _OTHER.fullmatch(name) and (source or not _is_unsaid(value))
    }
    if source is None and looks_at_all(rule):
        own["tensor_regex"] = ".*"
    said: dict[str, Any] = {
        "rule": None if source else invoked,
        "class": invoked if source else None,
        "source": source,
        "name": rule.name,
        "parameters": {**own, **({"other_trials": ",".join(others)} if others else {})},
        "on_issue": spec.debugger.on_issue.get(rule.name, "stop" if _stops(parameters) else "alert"),
    }
    return RuleUse.model_construct(**said)  # validated as a part of the configuration


def looks_at_all(rule: RuleConfiguration) -> bool:
    """Whether the rule needs chosen tensors and none were chosen, as the SDK's configurations leave it."""
    chosen = any(not _is_unsaid(rule.parameters.get(name, "")) for name in ("collection_names", "tensor_regex"))
    return rule.parameters.get(INVOKED, rule.name) in _CHOOSING and SOURCE not in rule.parameters and not chosen


def _is_unsaid(value: str) -> bool:
    """Whether the value is what the SDK's objects write for a parameter that nobody gave."""
    return value.strip() in ("", "None", "null")


def _stops(parameters: Mapping[str, str]) -> bool:
    """Whether Debugger itself was to stop the job: then Gridwatch does so too."""
    if parameters.get("stop_training_on_fire", "").strip().lower() == "true":
        return True
    return any(action.get("name") == "stoptraining" for action in actions_of(parameters))


def actions_of(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    """The actions in a rule's parameters; none when they cannot be read. The SDK escapes their quotes."""
    try:
        found = json.loads(parameters.get(ACTIONS, "[]").replace('\\"', '"'))
    except ValueError:
        return []
    listed = found if isinstance(found, list) else [found]  # the SDK writes a single one without brackets
    return [each for each in listed if isinstance(each, dict)]
