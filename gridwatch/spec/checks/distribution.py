"""Checks of a distributed training; those of Debugger beside it are in gridwatch.spec.checks.engine.

Sources: the support tables of the SageMaker distributed libraries (as `sagemaker.fw_utils` has them).
"""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.checks.model_parallel import check_model_parallel
from gridwatch.spec.images import full_version
from gridwatch.spec.instance_types import processor
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.distribution import WAYS
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown
from gridwatch.spec.search_space import INSTANCE_TYPE, varied

_TORCH = ("pytorch", "pytorch-smp", "huggingface")
_FRAMEWORKS = {
    "data_parallel": ("pytorch", "tensorflow", "huggingface"),
    "model_parallel": ("pytorch", "pytorch-smp", "tensorflow", "huggingface"),
    "torchrun": _TORCH,
    "pytorch_ddp": _TORCH,
    "mpi": ("pytorch", "tensorflow", "huggingface"),
    "parameter_server": ("tensorflow",),
    "multi_worker_mirrored": ("tensorflow",),
}
_DATA_PARALLEL_TYPES = ("ml.p3.16xlarge", "ml.p3dn.24xlarge", "ml.p4d.24xlarge", "ml.p4de.24xlarge")
_DATA_PARALLEL_VERSIONS = {"pytorch": ((1, 6), (2, 2)), "tensorflow": ((2, 3), (2, 11))}  # first and last
_MODEL_PARALLEL_VERSIONS = {"pytorch": ((1, 6), (1, 13)), "tensorflow": ((2, 3), (2, 6))}
_MIRRORED_FROM = (2, 9)
# `sagemaker.fw_utils`, by release of PyTorch.
_LAUNCHED_FROM = {"torchrun": (1, 13), "pytorch_ddp": (1, 10)}


def check_distribution(spec: ExperimentSpec) -> Iterator[Problem]:
    distribution = spec.distribution
    if distribution is None:
        return
    given = distribution.ways
    if len(given) != 1:
        found = " and ".join(given) or "none"
        message = "a training is distributed in one way"
        yield Problem(path=("distribution",), message=message, found=found, allowed=f"one of {enumerated(WAYS)}")
        return
    path: Path = ("distribution", given[0])
    yield from _framework(spec, given[0], path)
    yield from _versions(spec, given[0], path)
    yield from _script(spec, given[0], path)
    yield from _machines(spec, given[0], path)
    yield from _group(spec, distribution.instance_group)
    if distribution.model_parallel is not None:
        yield from check_model_parallel(spec, distribution.model_parallel)


def trained_on(spec: ExperimentSpec) -> str:
    """The instance type that takes part in the distribution."""
    named = spec.resources.groups.get(spec.distribution.instance_group or "") if spec.distribution else None
    return named.instance_type if named else spec.resources.image_type


def _framework(spec: ExperimentSpec, way: str, path: Path) -> Iterator[Problem]:
    algorithm, frameworks = spec.algorithm, _FRAMEWORKS[way]
    if algorithm.image is not None and algorithm.entry_point is None:
        message = "the image is told of it by script mode, and there is no entry_point"
        yield Problem(path=path, message=message, advice="let the image start its own processes")
    elif algorithm.image is None and algorithm.framework not in frameworks:
        found = algorithm.framework or algorithm.name
        message = "is not for what trains here"
        yield Problem(path=path, message=message, found=shown(found), allowed=" or ".join(frameworks))


def _script(spec: ExperimentSpec, way: str, path: Path) -> Iterator[Problem]:
    script = spec.algorithm.entry_point
    if way in ("torchrun", "pytorch_ddp") and script is not None and not script.endswith(".py"):
        message = "torchrun starts Python alone"
        yield Problem(path=path, message=message, found=shown(script), allowed="an entry_point *.py")


def _versions(spec: ExperimentSpec, way: str, path: Path) -> Iterator[Problem]:
    ranges = {"data_parallel": _DATA_PARALLEL_VERSIONS, "model_parallel": _MODEL_PARALLEL_VERSIONS}.get(way, {})
    framework = spec.algorithm.framework or ""
    full = full_version(framework, spec.algorithm.version or "") if framework else None
    if full is None:
        return
    number = tuple(int(part) for part in full.split("-")[0].split(".")[:2])
    if framework in ranges and not ranges[framework][0] <= number <= ranges[framework][1]:
        first, last = (".".join(str(part) for part in bound) for bound in ranges[framework])
        message = f"AWS's images of {framework} {full} do not have SageMaker's library"
        yield Problem(path=path, message=message, found=full, allowed=f"{first} to {last}", advice=_instead(way))
    since = _MIRRORED_FROM if way == "multi_worker_mirrored" else _LAUNCHED_FROM.get(way)
    if since is not None and framework in ("pytorch", "tensorflow") and number < since:
        message = "this version's image does not start it"
        allowed = f"{'.'.join(map(str, since))} or newer"
        yield Problem(path=path, message=message, found=full, allowed=allowed)


def _instead(way: str) -> str:
    return "use torchrun" if way == "data_parallel" else "use framework: pytorch-smp, which has its version 2"


def _machines(spec: ExperimentSpec, way: str, path: Path) -> Iterator[Problem]:
    varying = [str(value) for _, name, value in varied(spec) if name == INSTANCE_TYPE]
    for instance_type in dict.fromkeys(varying or [trained_on(spec)]):
        if way == "data_parallel" and instance_type not in _DATA_PARALLEL_TYPES:
            allowed = ", ".join(_DATA_PARALLEL_TYPES)
            message = "SageMaker's data parallel library does not run on this type"
            yield Problem(path=path, message=message, found=instance_type, allowed=allowed, advice="use torchrun")
        if way in ("model_parallel", "torchrun", "pytorch_ddp") and processor(instance_type) == "cpu":
            message = "needs machines with GPUs"
            yield Problem(path=path, message=message, found=instance_type, allowed="such as ml.g5.12xlarge")
    if spec.resources.groups and way not in ("mpi", "data_parallel"):
        message = "cannot be told which groups of instances take part"
        yield Problem(path=path, message=message, allowed="mpi, data_parallel", advice="use one instance type")


def _group(spec: ExperimentSpec, named: str | None) -> Iterator[Problem]:
    """The instance group that is distributed: the SDK, and so AWS's toolkit, accepts one."""
    path: Path = ("distribution", "instance_group")
    groups = spec.resources.groups
    if named is not None and named not in groups:
        allowed = enumerated(groups) or "resources.groups"
        yield Problem(
            path=path, message="there is no such group", found=shown(named), allowed=allowed,
            advice=did_you_mean(named, groups),
        )  # fmt: skip
    if named is None and len(groups) > 1:
        message = "one of the groups is trained on, and which one is not said"
        yield Problem(path=path, message=message, allowed=enumerated(groups))
