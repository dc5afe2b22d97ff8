"""What the hook in the training container is told, and what of SageMaker's own Debugger is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch.launch.hook import environment, hook_document
from gridwatch.launch.profiler import CONFIG_KEY as PROFILER_KEY
from gridwatch.launch.profiler import profiler_document
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.debugger import Collection
from gridwatch.state.records import RulePolicy


def debugger_part(spec: ExperimentSpec, policies: Sequence[RulePolicy]) -> dict[str, Any]:
    asked = {name: collection_parameters(collection) for name, collection in spec.collect.items()}
    return {"Environment": _environment(asked, policies), "ProfilerConfig": {"DisableProfiler": True}}


def _environment(asked: Mapping[str, Mapping[str, str]], policies: Sequence[RulePolicy]) -> dict[str, str]:
    profiler = profiler_document(policies)
    profiled = environment(profiler, PROFILER_KEY) if profiler else {}
    return environment(hook_document(asked, policies)) | profiled


def collection_parameters(collection: Collection) -> dict[str, str]:
    """Debugger's CollectionParameters: text for every value, lists with commas."""
    given = collection.model_dump(exclude_none=True)
    return {name: _parameter(value) for name, value in given.items()}


def _parameter(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(part) for part in value) if isinstance(value, list) else str(value)
