"""Values in a spec that SageMaker's API would refuse for their size or characters, reported at the spec's own
fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridwatch.launch.api_limits import TRAINING, TUNING, Place, Violation, violations
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem
from gridwatch.spec.search_space import varied

_SECTIONS: Mapping[str, Path] = {
    "AlgorithmSpecification": ("algorithm",), "ResourceConfig": ("resources",), "StoppingCondition": ("resources",),
    "VpcConfig": ("resources", "network"), "RoleArn": ("resources", "role"), "OutputDataConfig": ("resources",),
    "CheckpointConfig": ("checkpoints",), "RetryStrategy": ("resources", "retries"), "MlflowConfig": ("tracking",),
    "ExperimentConfig": ("name",), "DebugHookConfig": ("collect",), "DebugRuleConfigurations": ("rules",),
    "ProfilerRuleConfigurations": ("rules",), "ProfilerConfig": ("debugger",),
    "TensorBoardOutputConfig": ("debugger", "tensorboard"), "WarmStartConfig": ("tune", "warm_start"),
    "HyperParameterTuningJobConfig": ("tune",),
}  # fmt: skip
_OWN_VARIABLES = "GRIDWATCH_"


def refused_by_training(spec: ExperimentSpec, request: Mapping[str, Any]) -> Iterator[Problem]:
    """What CreateTrainingJob would refuse. `request` is the whole request."""
    for violation in violations(TRAINING, request):
        yield _problem(spec, request, violation, violation.place)


def refused_by_tuning(spec: ExperimentSpec, request: Mapping[str, Any]) -> Iterator[Problem]:
    """What CreateHyperParameterTuningJob would refuse. `request` is the whole request."""
    for violation in violations(TUNING, request):
        yield _problem(spec, request, violation, _within_definition(violation.place))


def _problem(spec: ExperimentSpec, request: Mapping[str, Any], violation: Violation, place: Place) -> Problem:
    return Problem(
        path=_field(spec, request, violation, place),
        message=f"SageMaker would refuse this as it is sent ({violation.member})",
        found=violation.found,
        allowed=violation.allowed,
    )


def _within_definition(place: Place) -> Place:
    """The training request's part of a tuning job's definition."""
    match place:
        case ("TrainingJobDefinition", *rest) | ("TrainingJobDefinitions", _, *rest):
            return tuple(rest)
    return place


def _field(spec: ExperimentSpec, request: Mapping[str, Any], violation: Violation, place: Place) -> Path:
    """The spec's field that sets the value; the whole section where no single field does."""
    if "ParameterRanges" in place or "HyperParameterRanges" in place:
        return _range(spec, request, violation.place)
    match place:
        case ("HyperParameters" | "StaticHyperParameters", str(name), *_):
            return _hyperparameter(spec, name)
        case ("Environment", *rest):
            return _variable(*map(str, rest))
        case ("AlgorithmSpecification", *rest):
            return ("algorithm", *_of_algorithm(spec, rest))
        case ("InputDataConfig", int(index), *_):
            return ("data", *list(spec.data)[index : index + 1])
        case ("Tags", int(index), *_):
            key = request["Tags"][index]["Key"]
            return ("tags", key) if key in spec.tags else (key,) if key in ("owner", "team") else ("tags",)
    return _SECTIONS.get(str(place[0]), ()) if place else ()


def _variable(name: str = "", *_: str) -> Path:
    """The field behind an environment variable; Gridwatch's own variables tell the hook what to collect."""
    if name.startswith(_OWN_VARIABLES):
        return ("collect",)
    return ("algorithm", "environment", *([name] if name else []))


def _of_algorithm(spec: ExperimentSpec, place: Sequence[str | int]) -> Path:
    match place:
        case ("MetricDefinitions", int(index), *_):
            return ("metrics", *list(spec.algorithm.metrics)[index : index + 1])
        case ("ContainerEntrypoint", *_):
            return ("command",)
        case ("ContainerArguments", *_):
            return ("arguments",)
        case ("TrainingImage",):
            return ("image",)
    return ()


def _hyperparameter(spec: ExperimentSpec, name: str) -> Path:
    if name in spec.hyperparameters:
        return ("hyperparameters", name)
    return next((path for path, varies, _ in varied(spec) if varies == name), ("hyperparameters",))


def _range(spec: ExperimentSpec, request: Mapping[str, Any], place: Place) -> Path:
    """The range that a place in the request leads through, and its value where it is one of several."""
    entry: Any = request
    for step in place:
        entry = entry[step]
        if isinstance(entry, Mapping) and "Name" in entry:
            break
    name = entry["Name"] if isinstance(entry, Mapping) and "Name" in entry else ""
    several = spec.tune.algorithms if spec.tune is not None else {}
    owner = next((each for each, tuned in several.items() if name in tuned.parameters), None)
    path: Path = ("tune", "algorithms", owner) if owner is not None else ("tune",)
    match place:
        case (*_, "Values", int(index)):
            return (*path, "parameters", name, "categorical", index)
    return (*path, "parameters", name) if name else path
