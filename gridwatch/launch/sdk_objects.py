"""A spec's `debugger.configuration` from objects of the SageMaker SDK: rules, hook, profiler and TensorBoard.

The objects produce the JSON themselves, so the SDK is not imported, and both of its generations (`sagemaker.debugger`,
`sagemaker.core.debugger`) work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class _Request(Protocol):
    def _to_request_dict(self) -> dict[str, Any]: ...


def configuration_of(
    *,
    rules: Sequence[Any] = (),
    debugger_hook_config: _Request | None = None,
    profiler_config: _Request | None = None,
    tensorboard_output_config: _Request | None = None,
) -> dict[str, Any]:
    """Debugger's own JSON from an estimator's arguments. Rules bring the collections that they attach.

    Raises TypeError for an object that is no rule.
    """
    debug = [rule for rule in rules if hasattr(rule, "to_debugger_rule_config_dict")]
    profiler = [rule for rule in rules if hasattr(rule, "to_profiler_rule_config_dict")]
    strange = [rule for rule in rules if rule not in debug and rule not in profiler]
    if strange:
        raise TypeError(f"{strange[0]!r} is no Rule and no ProfilerRule of the SageMaker SDK")
    found: dict[str, Any] = {}
    if debug or debugger_hook_config is not None:
        found["DebugHookConfig"] = _hook(debug, debugger_hook_config)
    if debug:
        found["DebugRuleConfigurations"] = [_rule(rule) for rule in debug]
    if profiler_config is not None:
        found["ProfilerConfig"] = _given(profiler_config)
    if profiler:
        found["ProfilerRuleConfigurations"] = [rule.to_profiler_rule_config_dict() for rule in profiler]
    if tensorboard_output_config is not None:
        found["TensorBoardOutputConfig"] = _given(tensorboard_output_config)
    return found


def _given(section: _Request) -> dict[str, Any]:
    return {name: value for name, value in section._to_request_dict().items() if value is not None}


def _hook(rules: Sequence[Any], section: _Request | None) -> dict[str, Any]:
    """The hook's collections, then those of the rules that it does not name, as an estimator joins them."""
    hook = _given(section) if section is not None else {}
    collections = {each["CollectionName"]: each for each in hook.get("CollectionConfigurations", ())}
    for rule in rules:
        for attached in rule.collection_configs:
            said = attached._to_request_dict()
            collections.setdefault(said["CollectionName"], said)
    return {**hook, **({"CollectionConfigurations": list(collections.values())} if collections else {})}


def _rule(rule: Any) -> dict[str, Any]:
    """A rule with its actions, which an estimator adds when a job is created; a stop that names no job is for
    that job.
    """
    said: dict[str, Any] = rule.to_debugger_rule_config_dict()
    actions = getattr(rule, "actions", None)
    if actions is None:
        return said
    return {**said, "RuleParameters": {**said.get("RuleParameters", {}), "action_json": actions.serialize()}}
