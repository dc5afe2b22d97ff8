"""The stand-in for smdebug has its modules, names, parameters and classes, but for what is left out on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from gridwatch_rules.rules.custom import smdebug
from tests.interop.conftest import Peers
from tests.interop.peers.public_names import modules

Modules = Mapping[str, Mapping[str, Any]]

# What docs/custom-rules.md says is left out, and why. Patterns of modules, or of `module: name`.
LEFT_OUT = {
    "what writes tensors in a training": (
        "core.hook*", "core.writer", "core.state_store", "core.singleton_utils", "core.error_handling_agent",
        "core.json_config", "core.config_validator", "pytorch.*", "tensorflow.*", "xgboost.*", "mxnet.*",
        "pytorch: *[Hh]ook", "tensorflow: *[Hh]ook*", "xgboost: *[Hh]ook", "mxnet: *[Hh]ook", "tensorflow: [*]",
        "core.collection_manager: CollectionManager.export", "core.access_layer.*: training_has_ended",
        "core.access_layer: TSAccess*", "core.access_layer: training_has_ended", "core.access_layer.base",
        "core.access_layer.file", "core.access_layer.s3", "core.access_layer.*: *[Dd]elete*",
        "core.utils: is_first_process", "core.utils: remove_claim_file",
    ),
    "the formats of files, which our reader knows": (
        "core.tfevent*", "core.tfrecord*", "core.reader", "core.s3_utils", "core.index_reader: ReadIndexFilesCache*",
        "core.index_reader: IndexReader.event_file_*", "core.index_reader: *.read_index_files",
        "core.index_reader: *.list_index_files", "core.index_reader: *.index_file_cache",
        "core.index_reader: *.bucket_name", "core.index_reader: *.prefix_name", "core.locations: EventFileLocation*",
        "core.locations: TensorFileLocation: bases", "core.locations: TensorboardFileLocation*",
        "core.access_layer.s3handler: S3Handler.*", "core.index_reader: IndexReader.list_event_files",
    ),
    "the machine that a training runs on": (
        "core.utils: check_*", "core.utils: get_*worker", "core.utils: get_node_id", "core.utils: get_region",
        "core.utils: get_aws_region*", "core.utils: setup_*", "core.utils: is_framework_version_supported",
        "core.utils: *Simulator*", "core.utils: error_handling_agent",
        "core.locations: TraceFileLocation*",
    ),
    "profiling itself, and reports on what was profiled": (
        "profiler.hvd*", "profiler.profiler_config*", "profiler.python_profiler", "profiler.analysis*",
        "profiler.utils: start_*", "profiler.utils: stop_*", "profiler.utils: write_*",
        "profiler.python_profile_utils: cProfileTimer*", "profiler.python_profile_utils: *time",
        "profiler.tf_profiler_parser: TensorboardProfilerEvents.get_complete_op_events",
        "profiler.tf_profiler_parser: TensorboardProfilerEvents.get_training_info",
        "profiler.tf_profiler_parser: TensorboardProfilerEvents.parse_tf_native_profiler_trace_json",
    ),
    "readers with processes and shared memory of their own": (
        "profiler*: S3Numpy*",
    ),
    "Debugger's own calls of AWS": ("rules.action.*: *",),
}  # fmt: skip
# Where the stand-in takes more than smdebug 1.0.34.
LARGER = {"rules.rule: Rule.__init__": "action_str may be left out, as files from before it do"}


def is_left_out(what: str) -> bool:
    return any(fnmatchcase(what, pattern) for patterns in LEFT_OUT.values() for pattern in patterns)


def public(names: Any) -> Iterator[str]:
    return (name for name in names if not name.startswith("_") or name == "__init__")


def with_bases(ours: Modules, name: str, kind: str) -> dict[str, Any]:
    """Methods or attributes of a class of the stand-in, those of its bases too."""
    found: dict[str, Any] = {}
    for module in ours.values():
        known = module["classes"].get(name)
        if known is not None:
            for base in known["bases"]:
                found |= with_bases(ours, base, kind) if base != name else {}
            return found | (known[kind] if kind == "methods" else dict.fromkeys(known[kind]))
    return found


def differences(theirs: Modules, ours: Modules) -> Iterator[str]:
    for name, module in theirs.items():
        if is_left_out(name):
            continue
        if name not in ours:
            yield name
            continue
        yield from (each for each in in_module(name, module, ours) if not is_left_out(each.partition(" (")[0]))


def in_module(name: str, module: Mapping[str, Any], ours: Modules) -> Iterator[str]:
    mine = ours[name]
    everything = {*mine["functions"], *mine["classes"], *mine["names"]}
    for each in public([*module["functions"], *module["classes"], *module["names"]]):
        if each not in everything:
            yield f"{name}: {each}"
    for each in public(module["functions"]):
        if each in mine["functions"] and mine["functions"][each] != module["functions"][each]:
            yield f"{name}: {each} ({mine['functions'][each]} for {module['functions'][each]})"
    for each in public(module["classes"]):
        if each in mine["classes"]:
            yield from in_class(f"{name}: {each}", module["classes"][each], each, ours)


def in_class(where: str, theirs: Mapping[str, Any], name: str, ours: Modules) -> Iterator[str]:
    methods, attributes = with_bases(ours, name, "methods"), with_bases(ours, name, "attributes")
    for each, wanted in theirs["methods"].items():
        if each not in public([each]) or f"{where}.{each}" in LARGER:
            continue
        if each not in methods:
            yield f"{where}.{each}"
        elif [one[:2] for one in methods[each]] != [one[:2] for one in wanted] or defaults(methods[each]) != defaults(
            wanted
        ):
            yield f"{where}.{each} ({methods[each]} for {wanted})"
    yield from (f"{where}.{each}" for each in public(theirs["attributes"]) if each not in {*attributes, *methods})


def defaults(parameters: list[list[Any]]) -> list[bool]:
    return [parameter[2] is not None for parameter in parameters]


@pytest.fixture(scope="module")
def theirs(local_peers: Peers) -> Modules:
    found: Modules = local_peers.ask("public_names", "smdebug")
    return found


def test_names_and_parameters_are_smdebugs(theirs: Modules) -> None:
    ours = modules(Path(smdebug.__file__ or "").parent)
    assert list(differences(theirs, ours)) == []


def test_what_is_left_out_is_there_in_smdebug(theirs: Modules) -> None:
    """No pattern stands for nothing."""
    every = {*theirs, *(each for name in theirs for each in in_module(name, theirs[name], {**theirs, name: NOTHING}))}
    every |= {each for name in theirs for each in members(name, theirs[name])}
    stale = [
        pattern
        for patterns in LEFT_OUT.values()
        for pattern in patterns
        if not pattern.endswith(": bases") and not any(fnmatchcase(each, pattern) for each in every)
    ]
    assert stale == []


NOTHING: Mapping[str, Any] = {"functions": {}, "classes": {}, "names": []}


def members(name: str, module: Mapping[str, Any]) -> Iterator[str]:
    for each, known in module["classes"].items():
        yield from (f"{name}: {each}.{member}" for member in (*known["methods"], *known["attributes"]))
