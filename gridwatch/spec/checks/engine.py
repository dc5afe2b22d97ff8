"""Checks of the engine that evaluates the rules: Gridwatch, or SageMaker Debugger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gridwatch.spec.checks.debugger import check_collections
from gridwatch.spec.checks.not_done import not_done
from gridwatch.spec.debugger_rules import COLLECTION_PARAMETERS, HOOK_PARAMETERS, without_effect
from gridwatch.spec.imported import asked_collections, asked_hook_parameters, placed, rule_uses
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.debugger import RuleAction
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown
from gridwatch.spec.rule_checks import check_rules
from gridwatch.spec.search_space import INSTANCE_COUNT, varied

_NO_TENSORS = ("model_parallel", "parameter_server")
_CONFIGURATION: Path = ("debugger", "configuration")


def check_engine(spec: ExperimentSpec) -> Iterator[Problem]:
    """Check the rules, and the settings that only Debugger obeys."""
    yield from check_collections(spec)
    yield from _rules(spec)
    for name in asked_collections(spec):
        if name in spec.collect:
            message = "Debugger's configuration asks for this collection too"
            yield Problem(path=("collect", name), message=message, advice="keep one of the two")
    yield from _of_debugger_alone(spec)
    yield from _imported_names(spec)
    if spec.engine != "debugger":
        yield from _hook(spec)
    if spec.engine == "debugger":
        yield from debugger_conflicts(spec)


def _of_debugger_alone(spec: ExperimentSpec) -> Iterator[Problem]:
    for index, use in enumerate(spec.rules):
        if use.evaluator is not None and use.source is None:
            path = ("rules", index, "evaluator")
            yield Problem(path=path, message="is for rules of your own (source)", advice="leave it out")
        if spec.engine == "gridwatch":
            for field in ("evaluator", "actions"):
                if getattr(use, field) is not None:
                    message = "is done by SageMaker's own Debugger, and Gridwatch evaluates this spec's rules"
                    advice = "engine: debugger, or auto; on_issue says what Gridwatch does"
                    yield Problem(path=("rules", index, field), message=message, advice=advice)
        for number, action in enumerate(use.actions or ()):
            yield from _action(action, ("rules", index, "actions", number))


def warn_of_engine(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.engine == "auto":
        for problem in debugger_conflicts(spec):
            yield replace(problem, path=("engine",), message=f"Gridwatch evaluates the rules: {problem.message}")
        if any(True for _ in debugger_conflicts(spec)):
            yield from not_done(spec)
    if spec.engine == "gridwatch":
        yield from not_done(spec)
        for field in ("path", "profiler"):
            if getattr(spec.debugger, field) is not None:
                message = "nobody reads it: Gridwatch evaluates the rules"
                yield Problem(path=("debugger", field), message=message, advice="engine: debugger, or auto")
    elif any(use.actions for use in spec.rules) and spec.resources.role is None:
        message = "Debugger's actions are done in the role of the jobs, which may neither stop jobs nor send messages"
        yield Problem(path=("rules",), message=message, advice="say on_issue, or name a role that may")


def debugger_conflicts(spec: ExperimentSpec) -> Iterator[Problem]:
    """The reasons why Debugger cannot watch these jobs.

    Source: "Debugger advanced topics and reference documentation" of the SageMaker developer guide.
    """
    if spec.tune is not None:
        message = "a tuning job has no place for what Debugger is told of its jobs"
        yield Problem(path=("engine",), message=message, found=spec.engine, advice="engine: gridwatch")
    distribution = spec.distribution
    ways = distribution.ways if distribution is not None else ()
    counts = [int(value) for _, name, value in varied(spec) if name == INSTANCE_COUNT]
    hosts = max([sum(spec.resources.machines.values()), *counts])
    several = distribution is not None or hosts > 1
    for way in ways:
        if way in _NO_TENSORS:
            message = f"Debugger sees no tensors of a training with {way}"
            yield Problem(path=("engine",), message=message, found=spec.engine, advice="engine: gridwatch")
    if several and spec.checkpoints is not None:
        message = "Debugger is switched off in a distributed training with checkpoints: nothing would be saved"
        advice = "engine: gridwatch, or keep one of the two"
        yield Problem(path=("engine",), message=message, found=spec.engine, advice=advice)


def _rules(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.engine == "debugger":  # which evaluates the configuration's rules, whether Gridwatch knows them or not
        yield from check_rules(spec.rules)
        return
    yield from (placed(spec, problem) for problem in check_rules(rule_uses(spec)))


def _hook(spec: ExperimentSpec) -> Iterator[Problem]:
    """The settings that Gridwatch's own hook would refuse when the job begins."""
    for name, value in asked_hook_parameters(spec).items():
        own = name in spec.debugger.hook_parameters
        path = ("debugger", "hook_parameters") if own else _CONFIGURATION
        yield from _parameter(path, name, value, "hook", HOOK_PARAMETERS)
    for collection, parameters in asked_collections(spec).items():
        for name, value in parameters.items():
            yield from _parameter(_CONFIGURATION, name, value, f"collection {collection}", COLLECTION_PARAMETERS)


def _parameter(path: Path, name: str, value: str, owner: str, known: frozenset[str]) -> Iterator[Problem]:
    if name not in known:
        yield _unknown(path, f"{name} of the {owner}", did_you_mean(name, sorted(known)))
    elif without_effect(name, value):
        message = f"Gridwatch's hook writes nothing for TensorBoard, for which {name} of the {owner} is"
        yield Problem(path=path, message=message, found=shown(value), advice="leave it out, or engine: debugger")


def _unknown(path: Path, what: str, hint: str | None) -> Problem:
    return Problem(path=path, message=f"Gridwatch's hook knows no parameter {what}", advice=hint or "engine: debugger")


def _imported_names(spec: ExperimentSpec) -> Iterator[Problem]:
    configuration = spec.debugger.configuration
    imported = [rule.name for rule in configuration.all_rules] if configuration else []
    names = [*(use.title for use in spec.rules), *imported]
    if spec.engine == "debugger" and len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        yield Problem(path=_CONFIGURATION, message="two rules have the same name", found=", ".join(twice))
    for name in spec.debugger.on_issue:
        if name not in imported:
            yield Problem(
                path=("debugger", "on_issue", name), message="no rule of the configuration has this name",
                found=shown(name), allowed=enumerated(imported) or "rules of debugger.configuration",
            )  # fmt: skip


def _action(action: RuleAction, path: Path) -> Iterator[Problem]:
    stops = action.name == "stoptraining"
    if stops is (action.endpoint is not None):
        message = "stoptraining has no endpoint" if stops else f"{action.name} needs an endpoint"
        allowed = "a mail address" if action.name == "email" else "a number such as +15551234567"
        yield Problem(path=path, message=message, allowed=None if stops else allowed)
    elif not stops and action.training_job_prefix is not None:
        yield Problem(path=path, message=f"{action.name} stops no job", advice="leave training_job_prefix out")
