"""The settings of a Debugger configuration that have no effect where Gridwatch evaluates the rules.

Every member of DebugHookConfig, DebugRuleConfigurations, ProfilerConfig and ProfilerRuleConfigurations is obeyed, needs
nothing, or is named here (docs/debugger.md has the list).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gridwatch.spec.imported import INVOKED, actions_of, looks_at_all
from gridwatch.spec.problems import Path, Problem
from gridwatch_rules.rules.catalogue import rule_class, rule_names

if TYPE_CHECKING:
    from gridwatch.spec.model import ExperimentSpec
    from gridwatch.spec.parts.debugger import Configuration, RuleConfiguration

_PATH: Path = ("debugger", "configuration")
_OTHERWISE = "engine: debugger, or auto"
_INTERVAL = 500  # milliseconds between two samples of Gridwatch's hook
_EVALUATORS = re.compile(r"(/sagemaker-debugger-(rules|rule-evaluator)(:|@|$))|^DEFAULT_RULE_EVALUATOR_IMAGE$")
# What of ProfilingParameters asks for a profile of the framework, and how it is rotated into files.
_PROFILES = (
    "DetailedProfilingConfig", "PythonProfilingConfig", "SMDataParallelProfilingConfig", "HorovodProfilingConfig",
)  # fmt: skip
_DATA = "DataloaderProfilingConfig"


def not_done(spec: ExperimentSpec) -> Iterator[Problem]:
    """A warning for each setting that has no effect."""
    configuration = spec.debugger.configuration
    if configuration is None:
        return
    yield from _hook(configuration)
    yield from _profiler(spec, configuration)
    board = configuration.tensorboard
    if board is not None and board.s3_output_path is not None and spec.resources.role is None:
        place = board.s3_output_path
        yield _warning(f"TensorBoardOutputConfig.S3OutputPath {place}: the deployment's role writes to its own bucket")
    for rule in configuration.all_rules:
        yield from _rule(rule)


def _warning(message: str, advice: str = _OTHERWISE) -> Problem:
    return Problem(path=_PATH, message=f"not done by Gridwatch: {message}", advice=advice)


def _hook(configuration: Configuration) -> Iterator[Problem]:
    hook = configuration.hook
    if hook is None:
        return
    if hook.s3_output_path is not None:
        place = hook.s3_output_path
        yield _warning(f"DebugHookConfig.S3OutputPath {place}: tensors go to the deployment's own bucket")
    if hook.local_path is not None:
        yield _warning(f"DebugHookConfig.LocalPath {hook.local_path}: the hook sends its tensors without a folder")


def _profiler(spec: ExperimentSpec, configuration: Configuration) -> Iterator[Problem]:
    profiler = configuration.profiler
    if profiler is None or profiler.disabled:
        return
    if not _has_profiler_rules(spec, configuration):
        yield _warning(
            "profiling (ProfilerConfig): without a rule that looks at the profile nothing is sampled, and SageMaker's "
            "own profiler is off",
            "name a profiler rule, such as ProfilerReport; or engine: debugger, or auto",
        )
    elif profiler.interval not in (None, _INTERVAL):
        yield _warning(f"ProfilingIntervalInMilliseconds {profiler.interval}: the hook samples every {_INTERVAL} ms")
    asked = [name for name in (*_PROFILES, _DATA) if profiler.parameters.get(name)]
    if asked:
        yield _warning(f"profiling of the framework ({', '.join(asked)}): a hook in the script records steps alone")
    further = [name for name in profiler.parameters if name not in asked]
    if further:
        yield _warning(f"ProfilingParameters {', '.join(further)}: they say how SageMaker's profiler writes its files")
    if profiler.s3_output_path is not None:
        place = profiler.s3_output_path
        yield _warning(f"ProfilerConfig.S3OutputPath {place}: profiles go to the deployment's own bucket")


def _has_profiler_rules(spec: ExperimentSpec, configuration: Configuration) -> bool:
    from gridwatch_rules.rules.profiler.rule import ProfilerRule  # noqa: PLC0415  few specs have a configuration

    imported = [rule.parameters.get(INVOKED, rule.name) for rule in configuration.all_rules]
    names = [*(use.rule for use in spec.rules), *imported]
    return any(name in rule_names() and issubclass(rule_class(name), ProfilerRule) for name in names if name)


def _rule(rule: RuleConfiguration) -> Iterator[Problem]:
    for action in actions_of(rule.parameters):
        if (name := action.get("name")) != "stoptraining":
            target = f" to {action['endpoint']}" if action.get("endpoint") else ""
            message = f"{rule.name}: the action {name}{target}; Gridwatch tells the deployment's own alerts"
            yield _warning(message, "subscribe it to the deployment's alerts; or engine: debugger, or auto")
    if rule.parameters.get("action_json") and not actions_of(rule.parameters):
        yield _warning(f"{rule.name}: action_json, which cannot be read")
    if rule.image is not None and not _EVALUATORS.search(rule.image):
        yield _warning(f"{rule.name}: its evaluator {rule.image} is not run; Gridwatch's rule of the name judges")
    if rule.instance_type is not None:
        yield _warning(f"{rule.name}: InstanceType {rule.instance_type}; rules of users run in a function")
    for name, place in (("S3OutputPath", rule.s3_output_path), ("LocalPath", rule.local_path)):
        if place is not None:
            yield _warning(f"{rule.name}: {name} {place}; a rule's status and report are kept by the deployment")
    if looks_at_all(rule):
        message = f"{rule.name}: it names no tensors, so that every tensor is saved and looked at"
        yield Problem(path=_PATH, message=message, advice="give it collection_names or tensor_regex")
