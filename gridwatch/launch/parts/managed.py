"""The part of a training request that configures SageMaker Debugger: the hook, the rules and their evaluators, the
profiler.

Tensors and profile go where Gridwatch's own jobs write theirs, so that its rules can look at them beside Debugger's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridwatch.domain.rules import RulePolicy
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.evaluators import BUILT_IN, CUSTOM, evaluator_image, same_image_here
from gridwatch.launch.hook import hook_document, rule_needs
from gridwatch.spec.debugger_rules import DEBUGGER_RULES, unknown_to_debugger
from gridwatch.spec.imported import INVOKED, SOURCE, asked_collections, asked_hook_parameters
from gridwatch.spec.model import ExperimentSpec, RuleUse
from gridwatch.spec.parts.debugger import Collection, RuleAction, RuleConfiguration
from gridwatch.spec.rule_actions import ACTIONS, serialized
from gridwatch.spec.rule_source import source_uri
from gridwatch.storage.layout import TENSOR_PREFIX, s3_uri
from gridwatch_rules.rules.catalogue import rule_names

_REPORTS = "CreateXgboostReport"


def is_managed(use: RuleUse) -> bool:
    """Whether Debugger can evaluate a rule of the spec itself."""
    if use.source is not None:
        return use.evaluator is not None
    return unknown_to_debugger(use.rule_class, use.all_parameters) is None


def managed_part(spec: ExperimentSpec, policies: Sequence[RulePolicy], deployment: Deployment) -> dict[str, Any]:
    """The Debugger part of the request. `policies` are all rules, in the order of `rule_uses`. Raises
    UnknownRegionError.
    """
    part: dict[str, Any] = {"DebugHookConfig": _hook(spec, policies, deployment)}
    configured = list(_rules(spec, policies, deployment))
    for field, profiler in (("DebugRuleConfigurations", False), ("ProfilerRuleConfigurations", True)):
        if rules := [rule for is_profiler, rule in configured if is_profiler is profiler]:
            part[field] = rules
    return part | {"ProfilerConfig": _profiler(spec, policies, deployment)}


def tensorboard_part(spec: ExperimentSpec, deployment: Deployment) -> dict[str, Any]:
    """The part TensorBoardOutputConfig, which needs no Debugger."""
    own, configuration = spec.debugger.tensorboard, spec.debugger.configuration
    imported = configuration.tensorboard if configuration else None
    if own is None and imported is None:
        return {}
    given = (own.uri, own.path) if own else (imported.s3_output_path, imported.local_path) if imported else (None, None)
    return {"TensorBoardOutputConfig": {"S3OutputPath": _place(given[0], spec, deployment), **_local(given[1])}}


def outside_places(spec: ExperimentSpec) -> list[str]:
    """Places in S3 outside the deployment that Debugger's configuration names, in the order of its fields."""
    configuration = spec.debugger.configuration
    if configuration is None:
        return []
    sections = (configuration.hook, *configuration.all_rules, configuration.profiler, configuration.tensorboard)
    return [section.s3_output_path for section in sections if section is not None and section.s3_output_path]


def _place(given: str | None, spec: ExperimentSpec, deployment: Deployment) -> str:
    """Where something is written: the deployment's own role reaches no place outside the deployment."""
    own = s3_uri(deployment.artifacts_bucket, TENSOR_PREFIX.rstrip("/"))
    return given.rstrip("/") if given is not None and spec.resources.role is not None else own


def _local(path: str | None) -> dict[str, str]:
    return {} if path is None else {"LocalPath": path}


def _hook(spec: ExperimentSpec, policies: Sequence[RulePolicy], deployment: Deployment) -> dict[str, Any]:
    configuration = spec.debugger.configuration
    imported = configuration.hook if configuration else None
    parameters, collections = _saved(spec, policies)
    return {
        "S3OutputPath": _place(imported.s3_output_path if imported else None, spec, deployment),
        **_local(spec.debugger.path or (imported.local_path if imported else None)),
        **({"HookParameters": parameters} if parameters else {}),
        **({"CollectionConfigurations": collections} if collections else {}),
    }


def _saved(spec: ExperimentSpec, policies: Sequence[RulePolicy]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The hook's HookParameters and CollectionConfigurations: what the spec asks for, what Debugger's rules look at as
    the SageMaker SDK attaches it, and what Gridwatch's own rules need.
    """
    own = {name: collection_parameters(collection) for name, collection in spec.collect.items()}
    asked = {**asked_collections(spec), **own}
    attached: dict[str, dict[str, str]] = {}
    for policy in policies[: len(spec.rules)]:  # a configuration says itself what its rules need
        if policy.managed:
            for name, parameters in _attached(policy):
                if name not in asked:
                    _keep_finer(attached, name, parameters)
    curves = spec.algorithm.trained_with == "xgboost"
    document = hook_document(
        {**asked, **attached}, [policy for policy in policies if not policy.managed], curves=curves
    )
    return {**document["HookParameters"], **asked_hook_parameters(spec)}, [
        {"CollectionName": each["CollectionName"], "CollectionParameters": each["CollectionParameters"]}
        if each["CollectionParameters"]
        else {"CollectionName": each["CollectionName"]}
        for each in document["CollectionConfigurations"]
    ]


def _attached(policy: RulePolicy) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The collections of one Debugger rule: those that the SDK attaches, then those that the rule was told to
    look at.
    """
    known = DEBUGGER_RULES.get(policy.rule)
    if policy.source is not None or known is None:
        return
    yield from known.collections.items()
    told_names = any(name.endswith("regex") for name in policy.parameters)
    if policy.rule in rule_names() and policy.rule != _REPORTS:
        for name, parameters in rule_needs(policy):
            by_name = "include_regex" in parameters and name not in known.collections
            if name not in known.collections and (not by_name or told_names or not known.collections):
                yield name, parameters


def _keep_finer(attached: dict[str, dict[str, str]], name: str, parameters: Mapping[str, str]) -> None:
    kept = attached.setdefault(name, dict(parameters))
    both = (kept.get("save_interval"), parameters.get("save_interval"))
    if both[0] and both[1] and int(both[1]) < int(both[0]):
        kept["save_interval"] = both[1]


def _rules(
    spec: ExperimentSpec, policies: Sequence[RulePolicy], deployment: Deployment
) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Each rule that Debugger evaluates, and whether it looks at the profile."""
    for use, policy in zip(spec.rules, policies, strict=False):
        if policy.managed:
            known = DEBUGGER_RULES.get(policy.rule)
            yield known is not None and known.profiler and not use.source, _rule(use, policy, deployment)
    configuration = spec.debugger.configuration
    if configuration is not None:
        yield from ((False, _imported(rule, spec, deployment)) for rule in configuration.rules)
        yield from ((True, _imported(rule, spec, deployment)) for rule in configuration.profiler_rules)


def _rule(use: RuleUse, policy: RulePolicy, deployment: Deployment) -> dict[str, Any]:
    own = use.source is not None
    given = {name: value for name, value in policy.parameters.items() if name != "other_trials"}
    others = str(policy.parameters.get("other_trials") or "")
    parameters = {
        **{f"other_trial_{number}": place for number, place in enumerate(filter(None, others.split(",")))},
        **({SOURCE: source_uri(use.source or "", deployment.experiments_bucket)} if own else {}),
        INVOKED: use.rule_class,
        **{name: parameter_text(value) for name, value in given.items()},
        **({ACTIONS: serialized([_action(action) for action in use.actions])} if use.actions else {}),
    }
    machine = use.evaluator
    return {
        "RuleConfigurationName": use.title,
        "RuleEvaluatorImage": evaluator_image(CUSTOM if own else BUILT_IN, deployment.region),
        **({"InstanceType": machine.instance_type, "VolumeSizeInGB": machine.volume_gb} if machine else {}),
        "RuleParameters": parameters,
    }


def _imported(rule: RuleConfiguration, spec: ExperimentSpec, deployment: Deployment) -> dict[str, Any]:
    """A rule as the configuration has it, except for its region and for places that only its own role could reach."""
    kind = CUSTOM if SOURCE in rule.parameters else BUILT_IN
    elsewhere = rule.s3_output_path is not None and spec.resources.role is not None
    return {
        "RuleConfigurationName": rule.name,
        "RuleEvaluatorImage": same_image_here(rule.image, kind, deployment.region),
        **({"InstanceType": rule.instance_type} if rule.instance_type else {}),
        **({"VolumeSizeInGB": rule.volume_gb} if rule.volume_gb else {}),
        **_local(rule.local_path),
        **({"S3OutputPath": rule.s3_output_path} if elsewhere else {}),
        **({"RuleParameters": dict(rule.parameters)} if rule.parameters else {}),
    }


def _profiler(spec: ExperimentSpec, policies: Sequence[RulePolicy], deployment: Deployment) -> dict[str, Any]:
    own, configuration = spec.debugger.profiler, spec.debugger.configuration
    imported = configuration.profiler if configuration else None
    wanted = any(policy.rule in DEBUGGER_RULES and DEBUGGER_RULES[policy.rule].profiler for policy in policies)
    rules = bool(configuration and configuration.profiler_rules)
    if imported is not None and imported.disabled and not (own or wanted):
        return {"DisableProfiler": True}
    if not (own or imported or wanted or rules):
        return {"DisableProfiler": True}
    interval = own.interval if own else imported.interval if imported else None
    parameters = {**(imported.parameters if imported else {}), **(own.parameters if own else {})}
    return {
        "S3OutputPath": _place(imported.s3_output_path if imported else None, spec, deployment),
        "DisableProfiler": False,
        **({"ProfilingIntervalInMilliseconds": interval} if interval else {}),
        **({"ProfilingParameters": parameters} if parameters else {}),
    }


def parameter_text(value: object) -> str:
    """A value for Debugger's RuleParameters: lists with commas, booleans as Python writes them."""
    return ",".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)


def _action(action: RuleAction) -> dict[str, str]:
    given = {"training_job_prefix": action.training_job_prefix, "endpoint": action.endpoint, "name": action.name}
    return {name: value for name, value in given.items() if value is not None}


def collection_parameters(collection: Collection) -> dict[str, str]:
    """Debugger's CollectionParameters: every value as text, lists with commas."""
    given = collection.model_dump(exclude_none=True)
    return {name: _parameter(value) for name, value in given.items()}


def _parameter(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(part) for part in value) if isinstance(value, list) else str(value)
