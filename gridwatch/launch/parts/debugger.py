"""The request's fields for the hook in the training container and for SageMaker Debugger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridwatch.domain.rules import RulePolicy
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.hook import environment, hook_document, whole_curves
from gridwatch.launch.parts.managed import collection_parameters, managed_part, tensorboard_part
from gridwatch.launch.profiler import CONFIG_KEY as PROFILER_KEY
from gridwatch.launch.profiler import profiler_document
from gridwatch.spec.imported import asked_collections, asked_hook_parameters
from gridwatch.spec.model import ExperimentSpec
from gridwatch.storage.layout import HOOK_OFF_KEY


def debugger_part(
    spec: ExperimentSpec, policies: Sequence[RulePolicy], deployment: Deployment, *, managed: bool
) -> dict[str, Any]:
    """The hook's and Debugger's part of the request. With `managed`, Debugger evaluates the rules marked so. Raises
    UnknownRegionError in a region without Debugger.
    """
    own = managed_part(spec, policies, deployment) if managed else _own_part(spec, policies)
    return own | tensorboard_part(spec, deployment)


def _own_part(spec: ExperimentSpec, policies: Sequence[RulePolicy]) -> dict[str, Any]:
    if spec.hook == "off":
        return {"Environment": {HOOK_OFF_KEY: "1"}, "ProfilerConfig": {"DisableProfiler": True}}
    collected = {name: collection_parameters(collection) for name, collection in spec.collect.items()}
    document = hook_document({**asked_collections(spec), **collected}, policies)
    document["HookParameters"] |= asked_hook_parameters(spec)
    if spec.algorithm.is_own_xgboost:
        document = whole_curves(document)
    profiler = profiler_document(policies)
    profiled = environment(profiler, PROFILER_KEY) if profiler else {}
    return {"Environment": environment(document) | profiled, "ProfilerConfig": {"DisableProfiler": True}}
