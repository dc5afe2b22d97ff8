"""Checks of the algorithm, and between it, the metrics, the channels and the machines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from gridwatch.spec.addresses import is_archive
from gridwatch.spec.builtin_algorithms import BUILT_IN, CHANNELS, BuiltIn
from gridwatch.spec.checks.metric_expressions import warn_of_expressions
from gridwatch.spec.checks.versions import check_version
from gridwatch.spec.checks.xgboost import check_xgboost, warn_of_xgboost
from gridwatch.spec.images import framework_image
from gridwatch.spec.instance_types import processor
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown
from gridwatch.spec.search_space import INSTANCE_TYPE, is_hyperparameter, names_of, varied
from gridwatch_rules.patterns import PatternError, SlowPatternError, compile_pattern
from gridwatch_rules.suggestions import closest
from gridwatch_rules.visible import is_seen

_OWN = ("xgboost", *sorted(BUILT_IN))
_RESERVED = ("sagemaker_", "mp_parameters")
# What only a script, only an image or only those two may say.
_OF_SCRIPTS = ("entry_point", "source", "dependencies")
_OF_IMAGES = ("command", "arguments", "registry")


def check_algorithm(spec: ExperimentSpec, today: date) -> Iterator[Problem]:
    kinds = [kind for kind in ("name", "framework", "image") if getattr(spec.algorithm, kind) is not None]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        allowed = "name (built in), or framework with entry_point, or image"
        yield Problem(path=("algorithm",), message="it is not clear what trains", found=found, allowed=allowed)
        return
    yield from check_version(spec.algorithm, today)[0]
    if spec.algorithm.is_own_xgboost:
        yield from _only_for(spec, (*_OF_SCRIPTS, *_OF_IMAGES, "metrics"), "a framework or an image of your own")
        yield from check_xgboost(spec)
    elif spec.algorithm.name is not None:
        yield from _built_in(spec)
    else:
        yield from _script(spec)
        yield from _own_metrics(spec)
        yield from _reserved(spec)
    yield from _environment(spec)


def warn_of_algorithm(spec: ExperimentSpec, today: date) -> Iterator[Problem]:
    yield from check_version(spec.algorithm, today)[1]
    built_in = BUILT_IN.get(spec.algorithm.name or "")
    if spec.algorithm.is_own_xgboost:
        yield from warn_of_xgboost(spec)
    yield from warn_of_expressions(spec)
    if built_in is not None and spec.objective.metric not in built_in.metrics:
        yield Problem(
            path=("objective", "metric"),
            message=f"is none of the metrics that AWS documents for {spec.algorithm.name}",
            found=shown(spec.objective.metric), allowed=enumerated(built_in.metrics),
            advice=did_you_mean(spec.objective.metric, built_in.metrics),
        )  # fmt: skip
    if built_in is not None:
        yield from _odd_channels(spec, spec.algorithm.title)
    if spec.algorithm.name == "forecasting-deepar":
        message = "AWS has not patched its image since August 2024"
        yield Problem(path=("algorithm", "name"), message=message, advice="train a model of your own framework")


def _odd_channels(spec: ExperimentSpec, title: str) -> Iterator[Problem]:
    for name in spec.data:
        meant = closest(name, CHANNELS) if name not in CHANNELS else None
        if meant is not None:
            message, advice = f"is no channel that {title} is known to read", f"did you mean {meant}?"
            yield Problem(path=("data", name), message=message, advice=advice)


def _only_for(spec: ExperimentSpec, fields: tuple[str, ...], whom: str) -> Iterator[Problem]:
    for name in fields:
        if getattr(spec.algorithm, name):
            yield Problem(path=("algorithm", name), message=f"is only for {whom}", advice="leave it out")


def _built_in(spec: ExperimentSpec) -> Iterator[Problem]:
    name = spec.algorithm.name or ""
    built_in = BUILT_IN.get(name)
    if built_in is None:
        yield Problem(
            path=("algorithm", "name"), message="is no built-in algorithm of SageMaker", found=shown(name),
            allowed=enumerated(_OWN), advice=did_you_mean(name, _OWN),
        )  # fmt: skip
        return
    yield from _only_for(spec, (*_OF_SCRIPTS, *_OF_IMAGES, "metrics", "version"), "a framework or an image")
    for channel in built_in.channels:
        if channel not in spec.data:
            message = f"{name} needs the channel {channel}"
            yield Problem(path=("data",), message=message, found=enumerated(spec.data) or "no channel")
    yield from _formats(spec, name, built_in)
    yield from _machines(spec, name, built_in)
    if spec.collect:
        message = f"{name} saves no tensors"
        yield Problem(path=("collect",), message=message, advice="use a framework with the hook, or xgboost")


def _formats(spec: ExperimentSpec, name: str, built_in: BuiltIn) -> Iterator[Problem]:
    for channel, data in spec.data.items():
        if channel not in ("train", "validation", "test"):
            continue  # annotations, vocabularies, models
        kind = (data.content_type or "").split(";", 1)[0].strip().lower()
        if kind not in built_in.content_types:
            yield Problem(
                path=("data", channel, "content_type"), message=f"{name} cannot read this",
                found=shown(data.content_type), allowed=", ".join(built_in.content_types),
                advice=did_you_mean(kind, built_in.content_types),
            )  # fmt: skip
        if data.input_mode is not None and data.input_mode not in built_in.input_modes:
            message = f"{name} does not read its data so"
            allowed = ", ".join(built_in.input_modes)
            path: Path = ("data", channel, "input_mode")
            yield Problem(path=path, message=message, found=data.input_mode, allowed=allowed)


def _machines(spec: ExperimentSpec, name: str, built_in: BuiltIn) -> Iterator[Problem]:
    for path, instance_type in _instance_types(spec):
        if processor(instance_type) not in built_in.processors:
            allowed = " or ".join(built_in.processors)
            message = f"{name} does not train on this kind of machine"
            yield Problem(path=path, message=message, found=f"{instance_type} ({processor(instance_type)})",
                          allowed=allowed)  # fmt: skip
    together = sum(spec.resources.machines.values())
    if not built_in.several_instances and together > 1:
        message = f"{name} trains on one instance"
        field = "groups" if spec.resources.groups else "instance_count"
        yield Problem(path=("resources", field), message=message, found=str(together), allowed="1")


def _instance_types(spec: ExperimentSpec) -> Iterator[tuple[Path, str]]:
    """The instance type that the image is chosen for, where there are instance groups; the image runs on the other
    types as well.
    """
    chosen = [(path, str(value)) for path, name, value in varied(spec) if name == INSTANCE_TYPE]
    field = "groups" if spec.resources.groups else "instance_type"
    yield from chosen or [(("resources", field), spec.resources.image_type)]


def _script(spec: ExperimentSpec) -> Iterator[Problem]:
    algorithm = spec.algorithm
    if algorithm.framework is not None:
        yield from _only_for(spec, _OF_IMAGES, "an image of your own")
        if algorithm.entry_point is None:
            message = f"{algorithm.framework} needs the script that trains"
            yield Problem(path=("algorithm", "entry_point"), message=message, advice="name a file in source")
        yield from _processors(spec)
    if algorithm.registry is not None and spec.resources.network is None:
        message = "a registry of your own is reached through your network"
        advice = "name subnets and security_groups under resources.network"
        yield Problem(path=("algorithm", "registry"), message=message, advice=advice)
    if algorithm.entry_point is None and (algorithm.source or algorithm.dependencies):
        yield Problem(path=("algorithm",), message="source and dependencies are for a script: entry_point is missing")
    if algorithm.entry_point is not None:
        if _leaves(algorithm.entry_point):
            yield Problem(
                path=("algorithm", "entry_point"), message="lies outside source", found=shown(algorithm.entry_point)
            )
        yield from _source(spec)


def _source(spec: ExperimentSpec) -> Iterator[Problem]:
    source = spec.algorithm.source or "."
    if source.startswith("s3://"):
        if not is_archive(source):
            allowed = "s3://bucket/path/name.tar.gz, or a folder beside the spec"
            message = "is no address of an archive"
            yield Problem(path=("algorithm", "source"), message=message, found=shown(source), allowed=allowed)
        if spec.algorithm.dependencies:
            yield Problem(
                path=("algorithm", "dependencies"), message="cannot be added to an archive that lies in S3",
                advice="put them into it",
            )  # fmt: skip
        return
    for path, given in (
        (("algorithm", "source"), source),
        *((("algorithm", "dependencies", index), name) for index, name in enumerate(spec.algorithm.dependencies)),
    ):
        if _leaves(given):
            allowed = "files and folders beside the spec or below"
            yield Problem(path=path, message="leaves the spec's folder", found=shown(given), allowed=allowed)


def _leaves(path: str) -> bool:
    return path.startswith(("/", "~")) or ".." in path.replace("\\", "/").split("/")


def _processors(spec: ExperimentSpec) -> Iterator[Problem]:
    image = framework_image(spec.algorithm.framework or "", spec.algorithm.version or "")
    if image is None or not image.processors:
        return
    for path, instance_type in _instance_types(spec):
        wanted = processor(instance_type)
        if wanted not in image.processors and not (image.processors == ("cpu",) and wanted == "gpu"):
            message = f"no image of {spec.algorithm.title} is known for this kind of machine"
            advice = "take another, or name an image, AWS's or your own, under algorithm.image"
            found, allowed = f"{instance_type} ({wanted})", " or ".join(image.processors)
            yield Problem(path=path, message=message, found=found, allowed=allowed, advice=advice)


def _own_metrics(spec: ExperimentSpec) -> Iterator[Problem]:
    for name, expression in spec.algorithm.metrics.items():
        path = ("algorithm", "metrics", name)
        try:
            groups = compile_pattern(expression).groups
        except PatternError as error:
            yield Problem(path=path, message=str(error), found=shown(expression))
            if isinstance(error, SlowPatternError):
                break  # to try many of them would take long as well
            continue
        if groups == 0:
            message = "has no group, so the metric's value is not known"
            advice = "put the number into (...)"
            yield Problem(path=path, message=message, found=shown(expression), advice=advice)
    if spec.objective.metric not in spec.algorithm.metrics:
        yield Problem(
            path=("objective", "metric"), message="is not found in the log of the jobs",
            found=shown(spec.objective.metric), allowed=enumerated(spec.algorithm.metrics) or None,
            advice=did_you_mean(spec.objective.metric, spec.algorithm.metrics)
            or "name it under algorithm.metrics with its regular expression",
        )  # fmt: skip


def _reserved(spec: ExperimentSpec) -> Iterator[Problem]:
    static = ((("hyperparameters", name), name) for name in spec.hyperparameters)
    for path, name in (*static, *((path, name) for path, name in names_of(spec) if is_hyperparameter(name))):
        if name.startswith(_RESERVED):
            message = "SageMaker's containers take this for themselves"
            yield Problem(path=path, message=message, advice="distribution and algorithm say it")
        elif not name or any(letter == "=" or not is_seen(letter) for letter in name):
            # Containers hand each over as --NAME VALUE and in the variable SM_HP_NAME.
            yield Problem(
                path=path, message="this name can be neither an argument nor a variable of the training process",
                found=shown(name), allowed="names without = and without letters that are not seen",
                advice="rename it in the spec and the script",
            )  # fmt: skip


def _environment(spec: ExperimentSpec) -> Iterator[Problem]:
    for name in spec.algorithm.environment:
        if name.startswith("GRIDWATCH_"):
            path = ("algorithm", "environment", name)
            yield Problem(path=path, message="the name is reserved", advice="choose one that begins otherwise")
